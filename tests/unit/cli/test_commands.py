"""The commands on a real directory, as one would type them."""

import errno
import io
import sys
from pathlib import Path

import pytest

from postroad.cli import main
from postroad.cli.durations import instant_text
from postroad.disk.real import RealDisk
from postroad.engine.blocking import BlockingDriver
from tests.unit.cli.shell import Shell


def test_a_message_travels_from_send_to_receive(shell: Shell) -> None:
    assert shell("queue", "create", "mail") == "made: mail\n"
    assert shell("send", "mail", "hello", "--header", "kind=greeting") == "sent: 1\n"
    got = shell.json("receive", "mail", "--ack")
    assert got["body"] == "hello"
    assert got["headers"] == {"kind": "greeting"}
    assert "no message" not in shell("receive", "mail")
    assert shell.json("queue", "show", "mail")["ready"] == 0


def test_without_ack_a_message_stays_leased(shell: Shell) -> None:
    shell("queue", "create", "mail", "--lease", "1h")
    shell("send", "mail", "hello")
    assert "hello" in shell("receive", "mail")
    assert shell.json("queue", "show", "mail")["leased"] == 1


def test_a_dash_sends_each_line_of_the_standard_input(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("queue", "create", "mail")
    lines = io.TextIOWrapper(io.BytesIO(b"one\ntwo\r\nthree"))
    monkeypatch.setattr(sys, "stdin", lines)
    assert shell("send", "mail", "-") == "sent: 3\n"
    peeked = shell.json("queue", "peek", "mail")
    assert [one["body"] for one in peeked] == ["one", "two", "three"]
    assert {one["state"] for one in peeked} == {"ready"}


def test_bytes_that_are_no_text_come_as_base64(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("queue", "create", "mail")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe")))
    shell("send", "mail", "-")
    assert shell.json("queue", "peek", "mail")[0]["body_base64"] == "//4="
    assert "ff fe" in shell("queue", "peek", "mail")


def test_a_body_is_never_read_as_markup(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "[red]alarm[/red]")
    assert "[red]alarm[/red]" in shell("queue", "peek", "mail")


def test_create_says_whether_the_queue_was_there(shell: Shell) -> None:
    shell("queue", "create", "mail", "--lease", "5s")
    assert shell("queue", "create", "mail") == "exists already: mail\n"
    assert shell("queue", "create", "mail", "--lease", "5s") == "exists already: mail\n"
    assert "mail" in shell("queue", "create", "mail", "--lease", "6s", fails=1)


def test_settings_given_on_the_line_are_the_queue_s(shell: Shell) -> None:
    shell("queue", "create", "dead")
    words = ["--delay", "2m", "--deliveries-max", "3", "--dead-letter-queue", "dead"]
    shell("queue", "create", "mail", *words, "--retention", "14d")
    settings = shell.json("queue", "show", "mail")["settings"]
    assert settings["delay_ms"] == 120_000
    assert settings["deliveries_max"] == 3
    assert settings["dead_letter_queue"] == "dead"
    assert settings["retention_ms"] == 14 * 86_400_000
    shown = shell("queue", "show", "mail")
    assert "14d" in shown
    assert "2m" in shown


def test_a_queue_of_another_kind_is_made_and_sent_to_on_the_line(shell: Shell) -> None:
    words = ("--kind", "fifo", "--dedup-window", "5m", "--dedup-by-content", "--per-second", "100")
    shell("queue", "create", "mail", *words, "--key-per-second", "5", "--expires", "1h")
    settings = shell.json("queue", "show", "mail")["settings"]
    assert (settings["kind"], settings["dedup_window_ms"]) == ("fifo", 300_000)
    assert (settings["per_second"], settings["key_per_second"]) == (100, 5)
    assert (settings["dedup_by_content"], settings["expires_ms"]) == (True, 3_600_000)
    assert shell("send", "mail", "a", "a", "--key", "eve", "--priority", "3") == "sent: 2\n"
    assert shell.json("queue", "show", "mail")["ready"] == 1


def test_a_queue_is_paused_and_resumed(shell: Shell) -> None:
    shell("queue", "create", "mail")
    assert shell("queue", "pause", "mail") == "paused: mail\n"
    assert shell.json("queue", "show", "mail")["settings"]["paused"] is True
    assert shell("queue", "resume", "mail") == "resumed: mail\n"
    assert shell.json("queue", "show", "mail")["settings"]["paused"] is False


def test_list_shows_every_queue_and_what_it_holds(shell: Shell) -> None:
    for name in ("a1", "a2", "b1"):
        shell("queue", "create", name)
    shell("send", "a2", "x", "y")
    assert [(q["name"], q["ready"]) for q in shell.json("queue", "list", "--prefix", "a")] == [
        ("a1", 0),
        ("a2", 2),
    ]
    assert "b1" in shell("queue", "list")


def test_move_takes_messages_to_another_queue(shell: Shell) -> None:
    shell("queue", "create", "a")
    shell("queue", "create", "b")
    shell("send", "a", "1", "2", "3")
    assert shell("queue", "move", "a", "b", "--count", "2") == "moved: 2 messages\n"
    assert shell("queue", "move", "a", "b") == "moved: 1 messages\n"
    assert shell.json("queue", "show", "b")["ready"] == 3


def test_move_takes_what_passes_a_filter_and_changes_it_on_the_way(shell: Shell) -> None:
    shell("queue", "create", "a")
    shell("queue", "create", "b")
    shell("send", "a", '{"n": 1}', '{"n": 2}', "3")
    chosen = ("queue", "move", "a", "b", "--body-filter", '{"n": [2]}')
    assert shell(*chosen, "--dry-run") == "1\nwould move: 1 messages\n"
    assert shell(*chosen, "--set-header", "was=a") == "moved: 1 messages\n"
    (message,) = shell.json("queue", "peek", "b")
    assert (message["body"], message["headers"]) == ('{"n": 2}', {"was": "a"})


def test_purge_and_delete_ask_first_unless_told_yes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "1", "2")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert main.run(["queue", "purge", "mail"]) == 130
    assert shell.json("queue", "show", "mail")["ready"] == 2
    assert shell("queue", "purge", "mail", "--yes") == "dropped: 2 messages\n"
    assert shell("queue", "delete", "mail", "-y") == "removed: mail\n"
    assert shell.json("queue", "list") == []


def test_a_queue_that_is_not_there_is_one_line(shell: Shell) -> None:
    shell("queue", "create", "mail")
    assert "nail" in shell("send", "nail", "x", fails=1)


def test_a_directory_that_is_not_there_is_not_made_by_looking(shell: Shell) -> None:
    assert "there is no data directory" in shell("queue", "list", fails=1)
    assert not shell.data.exists()


def test_a_directory_that_a_server_holds_says_how_to_reach_it(shell: Shell) -> None:
    holder = BlockingDriver(shell.data)
    try:
        line = shell("queue", "list", fails=1)
        assert "is in use by process" in line
        assert "sqs list-queues" in line
        assert "is in use by process" in shell("check", str(shell.data), fails=1)
    finally:
        holder.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["queue", "create", "mail", "--lease", "5"], "`5` is no duration"),
        (["send", "mail", "x", "--header", "novalue"], "`novalue` is no header"),
        (["queue", "peek", "mail", "--count", "0"], "count"),
        (["queue", "lsit"], "lsit"),
        (["serve", "--sync", "alway"], "use one of always, interval, never"),
        (["serve", "--config", "/no/such/file.toml"], "cannot read the settings"),
    ],
)
def test_a_mistake_on_the_line_is_one_line_and_exit_code_2(
    shell: Shell, words: list[str], says: str
) -> None:
    assert says in shell(*words, fails=2)


def test_check_counts_and_explains_every_record(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "hello")
    counted = shell.json("check", str(shell.data))
    assert counted["records"]["QueueDeclared"] == 1
    assert counted["records"]["Published"] == 1
    assert counted["sealed"]
    assert counted["damage"] == []
    assert (counted["messages"], counted["blocks"]) == (1, 1)
    assert "cleanly stopped" in shell("check", str(shell.data))
    assert "QueueDeclared queue=1 name=mail" in shell("check", str(shell.data), "--records")


def test_check_names_file_and_byte_of_damage_and_goes_on_behind_it(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "hello-body")
    (segment,) = [
        one for one in (shell.data / "journal").iterdir() if b"hello-body" in one.read_bytes()
    ]
    content = bytearray(segment.read_bytes())
    content[content.index(b"hello-body")] ^= 1
    segment.write_bytes(content)
    line = shell("check", str(shell.data), fails=1)
    assert f"the file `{segment}` is damaged at byte " in line
    assert main.run(["check", str(shell.data), "--records", "--json"]) == 1


def test_check_names_a_damaged_block_of_the_store(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "hello-body")
    (file,) = (shell.data / "store").iterdir()
    content = bytearray(file.read_bytes())
    content[content.index(b"hello-body")] ^= 1
    file.write_bytes(content)
    assert f"the file `{file}` at byte 0: " in shell("check", str(shell.data), fails=1)


def test_check_changes_nothing(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shell("send", "mail", "hello")
    files = [one for one in shell.data.rglob("*") if one.is_file() and one.name != "lock"]
    before = {one: one.read_bytes() for one in files}
    shell("check", str(shell.data))
    after = [one for one in shell.data.rglob("*") if one.is_file() and one.name != "lock"]
    assert {one: one.read_bytes() for one in after} == before


def test_check_of_something_else_is_one_line(shell: Shell, tmp_path: Path) -> None:
    assert "there is no data directory" in shell("check", str(tmp_path), fails=1)
    assert list(tmp_path.iterdir()) == []


def test_bench_tells_a_rate_for_each_load(shell: Shell) -> None:
    rates = shell.json("bench", "--seconds", "0.1", "--dir", str(shell.data.parent))
    assert len(rates) == 4
    assert all(rate > 0 for rate in rates.values())


def test_the_version_names_the_variant(shell: Shell) -> None:
    assert shell("--version").startswith("postroad ")


def test_a_command_without_words_shows_its_help(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ((), ("queue",)):
        assert main.run(words) == 2
        out, err = capsys.readouterr()
        assert "Commands:\n" in out
        assert err == ""
    assert not shell.data.exists()


def test_a_directory_that_cannot_be_used_is_one_clear_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = shell("queue", "create", "mail", "--data", str(tmp_path / "file"), fails=1)
    assert told.startswith(f"postroad: cannot use the data directory `{tmp_path / 'file'}`: ")
    assert "choose another directory" in told


def test_a_copy_on_a_medium_for_reading_only_can_be_checked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("queue", "create", "mail")

    def refuse(_self: RealDisk, path: str, _note: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(RealDisk, "lock", refuse)
    assert shell.json("check", str(shell.data))["damage"] == []
    assert "Read-only file system (`" in shell("queue", "list", fails=1)


def test_people_read_times_and_programs_read_numbers(shell: Shell) -> None:
    shell("queue", "create", "mail")
    shown = shell("queue", "show", "mail")
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines() if " " in line.strip())
    assert rows["settings.lease_ms"].strip() == "30s"
    assert rows["settings.retry_delay_ms_max"].strip() == "1m"
    made_ms = shell.json("queue", "show", "mail")["created_ms"]
    assert rows["created_ms"].strip() == instant_text(made_ms)
    assert instant_text(0) == "1970-01-01 00:00:00 UTC"
