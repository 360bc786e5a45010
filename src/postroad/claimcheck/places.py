"""Where bodies are kept aside: a directory of this machine, or what fsspec reaches.

It stands under the claim check. The rule kept here: `put` returns when the body is durable under
its name, and a name has a whole body or none.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from postroad.disk.interface import Disk, write_all
from postroad.disk.real import RealDisk
from postroad.errors import BadCommand

PART: Final = ".part"
"""Ends the name of what is being written."""
_OF_THIS_MACHINE: Final = ("file://", "local://")


class Place(Protocol):
    """Bodies by name. All methods raise `OSError`, `FileNotFoundError` where there is none."""

    def put(self, name: str, body: bytes) -> None:
        """Keep a body; it is durable when this returns."""

    def size(self, name: str) -> int:
        """How many bytes a body has."""

    def open(self, name: str) -> BinaryIO:
        """A body, to be read from its beginning."""

    def remove(self, name: str) -> None:
        """Forget a body; fine where there is none."""

    def older_than(self, instant_ms: int) -> Iterator[str]:
        """The names of those written before an instant, unfinished ones among them."""


def place_of(where: str | os.PathLike[str]) -> Place:
    """The place that a path or a URL names. A URL of a file is the directory: what fsspec writes
    there is not synced. Raises `BadCommand`.
    """
    text = str(where)
    for scheme in _OF_THIS_MACHINE:
        if text.startswith(scheme):
            path = text.removeprefix(scheme)
            if not path:
                raise BadCommand(f"`{text}` names no directory; write one such as {scheme}/claims")
            return Folder(Path(path).expanduser().absolute())
    return Remote(text) if "://" in text else Folder(Path(where))


class Folder:
    """A directory of this machine, made when it is not there."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk
        self._known: set[str] = set()

    def put(self, name: str, body: bytes) -> None:
        """Write beside, sync, and rename: a crash leaves a part, or all of it."""
        disk = self._disk = self._disk or RealDisk()
        folder = str(self._path(name).parent)
        part, whole = f"{folder}/{name}{PART}", f"{folder}/{name}"
        disk.make_directory(folder)
        if folder not in self._known:
            # Another process may have made it and not have synced its name yet.
            disk.sync_directory(str(self._root))
            self._known.add(folder)
        file = disk.create(part)
        try:
            write_all(file, (body,), 0)
            file.sync()
        finally:
            file.close()
        disk.rename(part, whole)
        disk.sync_directory(folder)

    def size(self, name: str) -> int:
        """How many bytes a body has."""
        return self._path(name).stat().st_size

    def open(self, name: str) -> BinaryIO:
        """A body, to be read from its beginning."""
        return self._path(name).open("rb")

    def remove(self, name: str) -> None:
        """Forget a body."""
        self._path(name).unlink(missing_ok=True)

    def older_than(self, instant_ms: int) -> Iterator[str]:
        """Those not touched since."""
        for found in sorted(self._root.glob("??/*")):
            try:
                if found.stat().st_mtime_ns // 1_000_000 < instant_ms:
                    yield found.name
            except FileNotFoundError:
                continue  # somebody else has removed it meanwhile

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name


class Remote:
    """What fsspec reaches by a URL: a body is as durable as what is there makes it when a write
    returns. Object storage does; a chain of file systems that ends on this machine does not."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise BadCommand(
                f"`{url}` needs the library fsspec: pip install postroad[claims]"
            ) from None
        try:
            fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise BadCommand(f"`{url}` is nothing that fsspec reaches: {error}") from None
        self._fs: Any = fs
        self._root = str(root).rstrip("/")

    def put(self, name: str, body: bytes) -> None:
        """Write it at once: what reaches no end is not there."""
        path = self._path(name)
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._fs.pipe_file(path, body)

    def size(self, name: str) -> int:
        """How many bytes a body has."""
        path = self._path(name)
        try:
            return int(self._fs.size(path))
        except FileNotFoundError:
            # It may be there since a list of the directory was kept, by a sweep for one.
            self._fs.invalidate_cache()
            return int(self._fs.size(path))

    def open(self, name: str) -> BinaryIO:
        """A body, to be read from its beginning."""
        return cast("BinaryIO", self._fs.open(self._path(name), "rb"))

    def remove(self, name: str) -> None:
        """Forget a body."""
        try:
            self._fs.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def older_than(self, instant_ms: int) -> Iterator[str]:
        """Those not written since, as the storage says."""
        self._fs.invalidate_cache()
        for path in sorted(self._fs.find(self._root)):
            try:
                if self._fs.modified(path).timestamp() * 1_000 < instant_ms:
                    yield path.rpartition("/")[2]
            except FileNotFoundError:
                continue  # somebody else has removed it meanwhile

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"
