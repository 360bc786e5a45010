from dataclasses import fields
from pathlib import Path

import pytest

from postroad.net.listener import Address
from postroad.server.config import SETTINGS, BadConfig, Settings, load


def config_file(folder: Path, text: str) -> Path:
    file = folder / "postroad.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_setting_has_a_row_in_the_table_and_every_row_a_setting() -> None:
    assert [one.name for one in SETTINGS] == [one.name for one in fields(Settings)]
    assert len({one.toml for one in SETTINGS}) == len(SETTINGS)


def test_every_default_is_one_that_could_be_given() -> None:
    settings = load({}, {})
    assert settings.sqs == Address("127.0.0.1", 9324)
    assert settings.sync == "always"
    assert settings.journal_bytes == 2**30
    assert settings.endpoints_file is None
    assert settings.sqs_keys == {}


def test_the_command_line_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = config_file(
        tmp_path, 'data = "a"\n[sqs]\nregion = "from-file"\naccount = "111111111111"\n'
    )
    env = {"POSTROAD_SQS_REGION": "from-env", "POSTROAD_DATA": "b"}
    settings = load({"data": "c", "sqs_region": None}, env, file)
    assert settings.data == Path("c")
    assert settings.sqs_region == "from-env"
    assert settings.sqs_account == "111111111111"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = config_file(tmp_path, '[journal]\nsync = "never"\n')
    assert load({}, {"POSTROAD_CONFIG": str(file)}).sync == "never"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"POSTROAD_SYNC": ""}).sync == "always"


def test_variables_that_an_orchestrator_adds_do_no_harm() -> None:
    assert load({}, {"POSTROAD_PORT": "tcp://10.0.0.1:9324", "POSTROAD_SERVICE_HOST": "10.0.0.1"})


def test_access_keys_come_as_a_table_or_as_a_text(tmp_path: Path) -> None:
    file = config_file(tmp_path, '[sqs.keys]\nAKIA = "s1"\n"AKIB" = "s:2"\n')
    assert load({}, {}, file).sqs_keys == {"AKIA": "s1", "AKIB": "s:2"}
    text = {"POSTROAD_SQS_KEYS": "AKIA:s1,AKIB:s:2"}
    assert load({}, text).sqs_keys == {"AKIA": "s1", "AKIB": "s:2"}


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ('[sqs]\nregoin = "x"', "unknown setting `sqs.regoin`; did you mean `sqs.region`?"),
        ('region = "x"', "unknown setting `region`; did you mean `sqs.region`?"),
        ("[kafka]\nport = 1", "unknown setting `kafka.port`; settings are data, "),
    ],
)
def test_an_unknown_key_is_one_line_with_the_nearest_name(
    tmp_path: Path, text: str, nearest: str
) -> None:
    with pytest.raises(BadConfig) as caught:
        load({}, {}, config_file(tmp_path, text))
    assert nearest in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = = 1", "is not a TOML file: "),
        ('[journal]\nsync = "alway"', "use one of always, interval, never"),
        ("[journal]\nbytes = true", "give a size in bytes such as 67108864 or 64MiB"),
        ("[net]\nconnections_max = 0", "give a whole number from 1 to 1,000,000"),
        ("[sqs]\nregion = 5", "give a text"),
    ],
)
def test_a_bad_value_in_the_file_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({}, {}, config_file(tmp_path, text))
    assert says in str(caught.value)
    assert "postroad.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"cannot read the settings in `.*missing.toml`"):
        load({}, {}, tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("sqs", "9324", "give HOST:PORT"),
        ("sqs", ":9324", "give HOST:PORT"),
        ("sqs", "localhost:65536", "give HOST:PORT"),
        ("sqs", "localhost:http", "give HOST:PORT"),
        ("sqs", "::1:9324", "in brackets"),
        ("sync_interval_ms", "0", "give a whole number from 1 to 60,000"),
        ("sync_interval_ms", "ten", "give a whole number from 1 to 60,000"),
        ("cache_bytes", "64M", "give a size in bytes"),
        ("cache_bytes", "1KiB", "give at least 1,048,576 bytes"),
        ("sqs_account", "123", "give twelve digits"),
        ("sqs_url", "queues.example.com", "give a URL"),
        ("data", "", "give a text"),
        ("amqp_vhosts", "a,,b", "give names with commas between"),
        ("amqp_frame_bytes_max", "4095", "give at least 4,096 bytes"),
        ("amqp_channels_max", "0", "give a whole number from 1 to 65,535"),
        ("native_frame_bytes_max", "1KiB", "give at least 65,536 bytes"),
        ("native_socket", "yes", "on, off"),
    ],
)
def test_a_bad_option_is_named_with_what_would_be_good(name: str, given: str, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({name: given}, {})
    option = "DATA" if name == "data" else "--" + name.replace("_", "-")
    assert str(caught.value).startswith(f"{option}: `{given}` is not good: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("given", ["AKIA", ":secret", "AKIA:", "AKIA:a,,"])
def test_passwords_that_cannot_be_read_are_not_shown(given: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({}, {"POSTROAD_AMQP_USERS": given})
    assert str(caught.value).startswith("POSTROAD_AMQP_USERS: the value is not good: ")


def test_users_and_vhosts_are_a_table_and_an_array_in_a_file(tmp_path: Path) -> None:
    file = config_file(tmp_path, '[amqp]\nvhosts = ["/", "b"]\n[amqp.users]\nme = "s:1"\n')
    settings = load({}, {}, file)
    assert (settings.amqp_users, settings.amqp_vhosts) == ({"me": "s:1"}, ("/", "b"))
    assert load({}, {}).amqp_users == {"guest": "guest"}
    with pytest.raises(BadConfig, match="give names"):
        load({}, {}, config_file(tmp_path, "amqp.vhosts = 3"))


@pytest.mark.parametrize("given", ["AKIA", ":secret", "AKIA:", "AKIA:a,,"])
def test_bad_access_keys_are_refused_without_showing_them(given: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({}, {"POSTROAD_SQS_KEYS": given})
    assert str(caught.value).startswith("POSTROAD_SQS_KEYS: the value is not good: ")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("sqs", "off", None),
        ("sqs", "[::1]:0", Address("::1", 0)),
        ("sqs", "0.0.0.0:9324", Address("0.0.0.0", 9324)),
        ("cache_bytes", "2GiB", 2 * 2**30),
        ("cache_bytes", "1048576", 2**20),
        ("sqs_url", "https://q.example.com/", "https://q.example.com"),
        ("amqp", "127.0.0.1:5672", Address("127.0.0.1", 5672)),
        ("native", "off", None),
        ("native", "127.0.0.1:7420", Address("127.0.0.1", 7420)),
        ("native_frame_bytes_max", "1MiB", 2**20),
        ("amqp_vhosts", "/, prod", ("/", "prod")),
        ("amqp_frame_bytes_max", "8KiB", 8_192),
        ("amqp_unread_bytes_max", "32MiB", 2**25),
    ],
)
def test_a_good_option_is_read(name: str, given: str, value: object) -> None:
    assert getattr(load({name: given}, {}), name) == value
