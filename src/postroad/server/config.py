"""The settings of a server: one table, read from the command line, the environment and a TOML file.

It stands at the top of the road. The rule kept here: every setting is one row (its default, its
three names, its reader and its help), and the command line beats the environment, which beats the
file, which beats the default.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from postroad.errors import PostroadError
from postroad.limits import (
    AMQP_CHANNELS_MAX,
    AMQP_FRAME_BYTES_MAX,
    AMQP_FRAME_BYTES_MIN,
    AMQP_HEARTBEAT_S,
    AMQP_UNREAD_BYTES_MAX,
    CONNECTIONS_MAX,
    DRAIN_MS_MAX,
    LOOP_WRITE_LONG_US,
    LOOP_WRITE_US,
    NATIVE_FRAME_BYTES_MAX,
    NATIVE_FRAME_BYTES_MIN,
    NATIVE_REQUESTS_MAX,
    RESERVE_BYTES,
    SEGMENT_BYTES,
    SQS_LEASED_MAX,
    SQS_PURGE_INTERVAL_MS,
    WEBHOOK_QUEUES_MAX,
)
from postroad.model.value import value
from postroad.net.listener import Address
from postroad.server import kinds
from postroad.server.kinds import Reader

MIB: Final = 2**20
PUSH_ANYWHERE: Final = "anywhere"
PUSH_PUBLIC: Final = "public"
PUSH_OFF: Final = "off"
SOCKET_ON: Final = "on"
SOCKET_OFF: Final = "off"


class BadConfig(PostroadError):  # noqa: N818  (the name is the sentence)
    """A setting cannot be used as it was given."""


@value
class Setting:
    """One row: `default` is in the same form as a text given; `None` means not set.

    `toml` is the dotted key; `flag` is false for what must not show in a list of processes.
    """

    name: str
    toml: str
    default: str | None
    read: Reader
    form: str
    text: str
    flag: bool = True

    @property
    def env(self) -> str:
        """The name of its environment variable."""
        return "POSTROAD_" + self.name.upper()

    @property
    def option(self) -> str:
        """The name of its option on the command line."""
        return "--" + self.name.replace("_", "-")


@value
class Settings:
    """All settings of a server, read and checked; what each means is told by `SETTINGS`."""

    data: Path
    endpoints_file: Path | None
    sqs: Address | None
    sqs_region: str
    sqs_account: str
    sqs_url: str | None
    sqs_keys: dict[str, str]
    sqs_leased_max: int
    sqs_purge_interval_ms: int
    sqs_deleted_recently_ms: int
    sns_push: str
    push: str
    push_queues_max: int
    amqp: Address | None
    amqp_users: dict[str, str]
    amqp_vhosts: tuple[str, ...]
    amqp_heartbeat_s: int
    amqp_channels_max: int
    amqp_frame_bytes_max: int
    amqp_unread_bytes_max: int
    native: Address | None
    native_socket: str
    native_users: dict[str, str]
    native_requests_max: int
    native_frame_bytes_max: int
    sync: str
    sync_interval_ms: int
    journal_bytes: int
    segment_bytes: int
    reserve_bytes: int
    loop_write_us: int
    cache_bytes: int
    kv_bytes: int
    connections_max: int
    drain_ms: int
    log_level: str


SETTINGS: Final = (
    Setting(
        "data", "data", "./postroad-data", kinds.path, "DIR",
        "The data directory; made when it is not there.", flag=False,
    ),
    Setting(
        "endpoints_file", "endpoints_file", None, kinds.path, "PATH",
        "Write where each protocol listens into this file, as a JSON object, once all accept.",
    ),
    Setting(
        "sqs", "sqs.listen", "127.0.0.1:9324", kinds.address, "HOST:PORT|off",
        "Where Amazon SQS and SNS clients, health checks and metrics are served; port 0 picks a"
        " free one.",
    ),
    Setting(
        "sqs_region", "sqs.region", "us-east-1", kinds.text, "NAME",
        "The region in queue ARNs and signatures.",
    ),
    Setting(
        "sqs_account", "sqs.account", "000000000000", kinds.account, "DIGITS",
        "The account in queue URLs and ARNs.",
    ),
    Setting(
        "sqs_url", "sqs.url", None, kinds.url, "URL",
        "The beginning of queue URLs, where clients see another address than this one.",
    ),
    Setting(
        "sqs_keys", "sqs.keys", None, kinds.keys, "ID:SECRET,...",
        "Access keys; when there are any, every request must be signed by one of them.", flag=False,
    ),
    Setting(
        "sqs_leased_max", "sqs.leased_max", str(SQS_LEASED_MAX), kinds.number(1, 1_000_000_000),
        "COUNT", "Most messages of one queue in flight at once, for queues that SQS clients make.",
    ),
    Setting(
        "sqs_purge_interval_ms", "sqs.purge_interval_ms", str(SQS_PURGE_INTERVAL_MS),
        kinds.number(0, 3_600_000), "MS", "How soon a queue may be purged again; Amazon: 60 s.",
    ),
    Setting(
        "sqs_deleted_recently_ms", "sqs.deleted_recently_ms", "0", kinds.number(0, 3_600_000),
        "MS", "How soon a deleted queue's name may be used again; Amazon: 60 s.",
    ),
    Setting(
        "sns_push", "sns.push", PUSH_ANYWHERE,
        kinds.choice(PUSH_ANYWHERE, PUSH_PUBLIC, PUSH_OFF), "anywhere|public|off",
        "Where HTTP subscriptions may be posted to: to any address, to public ones, or not at all.",
    ),
    Setting(
        "push", "push.to", PUSH_ANYWHERE,
        kinds.choice(PUSH_ANYWHERE, PUSH_PUBLIC, PUSH_OFF), "anywhere|public|off",
        "Where queues may be pushed to: to any address, to public ones, or not at all.",
    ),
    Setting(
        "push_queues_max", "push.queues_max", str(WEBHOOK_QUEUES_MAX),
        kinds.number(0, 1_000_000), "COUNT", "Queues that may be pushed; more are refused.",
    ),
    Setting(
        "amqp", "amqp.listen", "127.0.0.1:5672", kinds.address, "HOST:PORT|off",
        "Where AMQP 0-9-1 clients, those of RabbitMQ, are served; port 0 picks a free one.",
    ),
    Setting(
        "amqp_users", "amqp.users", "guest:guest", kinds.keys, "NAME:PASSWORD,...",
        "Who may log in; `guest` from this machine only, whatever its password.", flag=False,
    ),
    Setting(
        "amqp_vhosts", "amqp.vhosts", "/", kinds.names, "NAME,...",
        "The virtual hosts that exist; what is in `/` other protocols see by its own name.",
    ),
    Setting(
        "amqp_heartbeat_s", "amqp.heartbeat_s", str(AMQP_HEARTBEAT_S), kinds.number(0, 65_535),
        "S", "The heartbeat offered to clients, which have the last word; 0: none.",
    ),
    Setting(
        "amqp_channels_max", "amqp.channels_max", str(AMQP_CHANNELS_MAX),
        kinds.number(1, 65_535), "COUNT", "Channels that a connection may have open at once.",
    ),
    Setting(
        "amqp_frame_bytes_max", "amqp.frame_bytes_max", f"{AMQP_FRAME_BYTES_MAX // 1024}KiB",
        kinds.size(AMQP_FRAME_BYTES_MIN), "SIZE", "The largest frame of either side.",
    ),
    Setting(
        "amqp_unread_bytes_max", "amqp.unread_bytes_max", f"{AMQP_UNREAD_BYTES_MAX // MIB}MiB",
        kinds.size(AMQP_FRAME_BYTES_MIN), "SIZE",
        "Messages on their way to a client; while it reads none no more of them, but one at least.",
    ),
    Setting(
        "native", "native.listen", "127.0.0.1:7420", kinds.address, "HOST:PORT|off",
        "Where Postroad's own clients (`Broker.connect`) are served; port 0 picks a free one.",
    ),
    Setting(
        "native_socket", "native.socket", SOCKET_ON, kinds.choice(SOCKET_ON, SOCKET_OFF),
        "on|off", "Whether they also find a unix socket in the data directory, for its owner only.",
    ),
    Setting(
        "native_users", "native.users", None, kinds.keys, "NAME:PASSWORD,...",
        "Who may connect by the port; none: whoever reaches it.", flag=False,
    ),
    Setting(
        "native_requests_max", "native.requests_max", str(NATIVE_REQUESTS_MAX),
        kinds.number(16, 1_000_000), "COUNT", "Requests that a client may have outstanding.",
    ),
    Setting(
        "native_frame_bytes_max", "native.frame_bytes_max", f"{NATIVE_FRAME_BYTES_MAX // MIB}MiB",
        kinds.size(NATIVE_FRAME_BYTES_MIN), "SIZE", "The largest frame of a client.",
    ),
    Setting(
        "sync", "journal.sync", "always", kinds.choice("always", "interval", "never"),
        "always|interval|never",
        "When the journal is made durable: before every acknowledgement, each interval, or never.",
    ),
    Setting(
        "sync_interval_ms", "journal.sync_interval_ms", "100", kinds.number(1, 60_000), "MS",
        "The interval of `sync = interval`: what a power cut may cost.",
    ),
    Setting(
        "journal_bytes", "journal.bytes", "1GiB", kinds.size(4 * MIB), "SIZE",
        "All the journal has on disk: segments in use, spare ones, the reserve.",
    ),
    Setting(
        "segment_bytes", "journal.segment_bytes", f"{SEGMENT_BYTES // MIB}MiB", kinds.size(MIB),
        "SIZE", "The size of one journal file.",
    ),
    Setting(
        "reserve_bytes", "journal.reserve_bytes", f"{RESERVE_BYTES // MIB}MiB", kinds.size(0),
        "SIZE", "Kept free so that consumers can go on when the disk is full.",
    ),
    Setting(
        "loop_write_us", "journal.loop_write_us", str(LOOP_WRITE_US),
        kinds.number(0, LOOP_WRITE_LONG_US), "US",
        "While an append takes no longer in the mean, no thread is woken for it; 0: one always is.",
    ),
    Setting(
        "cache_bytes", "store.cache_bytes", "64MiB", kinds.size(MIB), "SIZE",
        "Memory for message bodies; what does not fit is read from disk.",
    ),
    Setting(
        "kv_bytes", "kv.bytes", "4GiB", kinds.size(MIB), "SIZE",
        "Memory for keys and what is under them; when it is full, writes to keys are refused.",
    ),
    Setting(
        "connections_max", "net.connections_max", str(CONNECTIONS_MAX),
        kinds.number(1, 1_000_000), "COUNT", "Connections open at once, all protocols together.",
    ),
    Setting(
        "drain_ms", "net.drain_ms", str(DRAIN_MS_MAX), kinds.number(0, 600_000), "MS",
        "How long a stop waits for clients to take their last answers.",
    ),
    Setting(
        "log_level", "log_level", "warning",
        kinds.choice("debug", "info", "warning", "error"), "debug|info|warning|error",
        "What is logged to the standard error output.",
    ),
)  # fmt: skip
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
BY_TOML: Final = {setting.toml: setting for setting in SETTINGS}
CONFIG_ENV: Final = "POSTROAD_CONFIG"
"""Names the TOML file where `--config` does not."""


def load(
    options: Mapping[str, str | None], env: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Read all settings; `options` by setting name, those that are `None` were not given.

    Raises `BadConfig`.
    """
    if file is None and env.get(CONFIG_ENV):
        file = Path(env[CONFIG_ENV])
    values: dict[str, Any] = {"sqs_keys": {}, "native_users": {}}
    for setting in SETTINGS:
        if setting.default is not None:
            values[setting.name] = setting.read(setting.default)
        else:
            values.setdefault(setting.name, None)
    if file is not None:
        values.update(_from_file(file))
    # Only names of the table are looked at: an orchestrator may add POSTROAD_… names of its own.
    for setting in SETTINGS:
        if env.get(setting.env):
            values[setting.name] = _read(setting, env[setting.env], setting.env)
    for name, given in options.items():
        if given is not None:
            setting = BY_NAME[name]
            values[name] = _read(setting, given, setting.option if setting.flag else name.upper())
    return Settings(**values)


def _from_file(file: Path) -> dict[str, object]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"cannot read the settings in `{file}`: {error.strerror}") from error
    except ValueError as error:
        raise BadConfig(f"`{file}` is not a TOML file: {error}") from error
    values = {}
    for key, given in _flat(tree, ""):
        if key not in BY_TOML:
            raise BadConfig(f"`{file}` has an unknown setting `{key}`; {_nearest(key)}")
        values[BY_TOML[key].name] = _read(BY_TOML[key], given, f"`{key}` in {file}")
    return values


def _flat(tree: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    """Dotted keys and their values; the table of access keys is a value."""
    for name, given in tree.items():
        key = above + name
        if isinstance(given, dict) and key not in BY_TOML:
            yield from _flat(given, key + ".")
        else:
            yield key, given


def _nearest(key: str) -> str:
    close = difflib.get_close_matches(key, BY_TOML, n=1, cutoff=0.6)
    if not close:
        # A right name at a wrong place, such as `region` outside of its table.
        close = [one for one in BY_TOML if one.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"did you mean `{close[0]}`?" if close else f"settings are {', '.join(BY_TOML)}"


def _read(setting: Setting, given: object, where: str) -> object:
    try:
        return setting.read(given)
    except ValueError as error:
        shown = "the value" if setting.read is kinds.keys else f"`{given}`"
        raise BadConfig(f"{where}: {shown} is not good: {error}") from error
