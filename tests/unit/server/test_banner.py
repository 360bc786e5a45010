import json
from pathlib import Path

import pytest

from postroad.net.listener import Address
from postroad.server.banner import banner, warnings, write_endpoints
from postroad.server.config import load
from tests.unit.server.fakes import ScriptedDriver, ScriptedReport

HERE = {
    "sqs": Address("127.0.0.1", 9324),
    "amqp": Address("127.0.0.1", 5672),
    "native": Address("127.0.0.1", 7420),
}


def test_the_banner_says_where_protocols_listen_where_data_is_and_what_durable_means(
    tmp_path: Path,
) -> None:
    driver = ScriptedDriver()
    shown = banner(load({"data": str(tmp_path)}, {}), driver, HERE, 0.25)
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert lines["postroad"].endswith("(pure Python)")
    assert lines["sqs"] == "Amazon SQS clients: http://127.0.0.1:9324"
    assert lines["amqp"] == "RabbitMQ clients: amqp://127.0.0.1:5672"
    assert lines["native"] == "Python clients: postroad://127.0.0.1:7420"
    assert lines["data"] == str(tmp_path)
    assert lines["durable"] == "fdatasync before every acknowledgement"
    assert lines["opened"] == ("3,456 messages waiting, 12 journal groups read in 0.25 s, epoch 7")
    assert "warning" not in lines


def test_the_banner_says_which_variant_is_loaded() -> None:
    assert "(compiled)" in banner(load({}, {}), ScriptedDriver(compiled=True), HERE, 0.0)


def test_a_torn_append_is_told_with_its_size() -> None:
    driver = ScriptedDriver(report=ScriptedReport(torn_bytes=1_234))
    assert (
        "1,234 bytes that are no whole group and have been cut off"
        in warnings(load({}, {}), driver)[0]
    )


@pytest.mark.parametrize("sync", ["interval", "never"])
def test_a_weaker_durability_is_said_aloud(sync: str) -> None:
    (line,) = warnings(load({"sync": sync}, {}), ScriptedDriver())
    assert line.startswith(f"sync = {sync}: what is acknowledged can be lost")


def test_a_server_that_nobody_can_reach_is_said_aloud() -> None:
    (line,) = warnings(load({"sqs": "off", "amqp": "off", "native": "off"}, {}), ScriptedDriver())
    assert line.startswith("no protocol listens")


def test_a_port_open_to_others_without_access_keys_is_said_aloud() -> None:
    open_to_all = {"sqs": "0.0.0.0:9324"}
    (line,) = warnings(load(open_to_all, {}), ScriptedDriver())
    assert line.startswith("0.0.0.0:9324 is open to other machines")
    keys = {"POSTROAD_SQS_KEYS": "id:secret"}
    assert warnings(load(open_to_all, keys), ScriptedDriver()) == []


def test_a_native_port_open_to_others_without_users_is_said_aloud() -> None:
    open_to_all = {"native": "0.0.0.0:7420"}
    (line,) = warnings(load(open_to_all, {}), ScriptedDriver())
    assert line.startswith("0.0.0.0:7420 is open to other machines and asks for no password")
    assert warnings(load(open_to_all, {"POSTROAD_NATIVE_USERS": "me:x"}), ScriptedDriver()) == []


def test_a_remark_of_the_start_is_a_warning() -> None:
    shown = banner(load({}, {}), ScriptedDriver(), HERE, 0.0, ["no socket"])
    assert shown.splitlines()[-1].split(maxsplit=1) == ["warning", "no socket"]


def test_the_endpoints_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    write_endpoints(file, HERE)
    assert json.loads(file.read_text()) == {
        "sqs": "127.0.0.1:9324",
        "amqp": "127.0.0.1:5672",
        "native": "127.0.0.1:7420",
    }
    assert [one.name for one in tmp_path.iterdir()] == ["endpoints.json"]
