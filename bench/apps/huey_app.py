"""The task under huey, over Redis, or SQLite with a sync of each commit."""

from huey import RedisHuey, SqliteHuey

from bench.apps.mark import FOLDER, URL, mark

if URL.startswith("redis"):
    huey = RedisHuey("bench", url=URL, results=False)
else:
    huey = SqliteHuey("bench", filename=str(FOLDER / "huey.db"), results=False, fsync=True)

send = huey.task()(mark)
