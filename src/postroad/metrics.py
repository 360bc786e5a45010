"""Every gauge and counter Postroad tells of, in one table.

It stands near the bottom of the road: whoever counts uses these names, and the page that shows them
asks only this table. The rule kept here: a name that has been released keeps its meaning.
"""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "postroad_"
"""What every name gets on the page of metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a figure means; the unit is at the end of its name."""

    kind: Literal["gauge", "counter"]
    text: str


def gauge(text: str) -> Metric:
    """Make the row of a figure that goes up and down."""
    return Metric("gauge", text)


def counter(text: str) -> Metric:
    """Make the row of a figure that only grows while the process runs."""
    return Metric("counter", text)


METRICS: Final[dict[str, Metric]] = {
    # The sockets.
    "connections": gauge("Connections open now"),
    "connections_accepted_total": counter("Connections accepted"),
    "connections_turned_away_total": counter("Connections refused because too many were open"),
    "connections_broken_total": counter("Connections closed by a failure of their session"),
    "connections_stalled_total": counter("Connections cut off because the peer read nothing"),
    "received_bytes_total": counter("Bytes read from connections"),
    "sent_bytes_total": counter("Bytes written to connections"),
    "loop_lag_ms_max": gauge("Longest delay of the event loop since the last look, in ms"),
    # HTTP subscriptions.
    "push_subscriptions": gauge("HTTP subscriptions that are served"),
    "pushes_total": counter("Messages posted to HTTP subscriptions, with those posted again"),
    "pushes_failed_total": counter("Posts that were not answered with a 2xx status"),
    # Pushes of queues.
    "queue_pushes_set": gauge("Queues for which a web address is set, those not there too"),
    "queue_pushes": gauge("Queues whose messages are posted to a web address"),
    "queue_pushes_under_way": gauge("Posts of them that wait for their answers"),
    "queue_pushes_total": counter("Posts of them that came to an end, with those made again"),
    "queue_pushes_failed_total": counter("Posts of them not answered with a 2xx status"),
    # AMQP.
    "amqp_channels_opened_total": counter("Channels opened"),
    "amqp_channel_faults_total": counter("Channels closed because of what a client did"),
    "amqp_connection_faults_total": counter("Connections closed because of what a client did"),
    "amqp_logins_refused_total": counter("Logins refused"),
    "amqp_heartbeats_missed_total": counter("Connections cut off because no heartbeat came"),
    "amqp_stalls_total": counter("Times that consumers waited because their client did not read"),
    # The native protocol.
    "native_requests_total": counter("Requests of Postroad's own clients"),
    "native_request_faults_total": counter("Requests that could not be taken, or not be answered"),
    "native_connection_faults_total": counter("Connections closed because of what a client did"),
    "native_logins_refused_total": counter("Logins refused"),
    # The engine.
    "queues": gauge("Queues that exist"),
    "messages": gauge("Messages held, in whatever state"),
    "messages_ready": gauge("Messages ready to be received"),
    "messages_delayed": gauge("Messages whose delay is not over"),
    "messages_leased": gauge("Messages leased to a consumer"),
    "messages_dead": gauge("Dead messages on their way to a dead-letter queue"),
    "dead_letters_dropped_total": counter("Dead letters lost because nothing took them"),
    "asks_waiting": gauge("Receives that wait for a message"),
    "journal_groups": gauge("Groups the journal keeps"),
    "journal_groups_total": counter("Groups written to the journal"),
    "journal_bytes_total": counter("Bytes written to the journal"),
    "journal_appends_on_loop_total": counter("Appends the event loop did without a thread"),
    "journal_records_total": counter("Records written to the journal"),
    "checkpoints_total": counter("Checkpoints saved"),
    "cache_bytes": gauge("Bodies in memory that are not placed in the store, in bytes"),
    "read_cache_bytes": gauge("Bodies in memory that were read back from the store, in bytes"),
    "blocks_read_ahead_total": counter("Blocks read back before they were asked for"),
    "blocks_read_ahead_used_total": counter("Blocks read back ahead and then asked for"),
    "store_bytes": gauge("Bytes the store's files take"),
    "schedules": gauge("Schedules that exist, the paused ones too"),
    "schedule_slots_fired_total": counter("Slots of schedules whose messages were published"),
    "schedule_slots_failed_total": counter("Slots of schedules whose messages were refused"),
    "schedule_late_ms": gauge("How late the newest slot of any schedule was fired, in ms"),
    "kv_keys": gauge("Keys in all spaces"),
    "kv_bytes": gauge("Memory that keys and what is under them take, in bytes, about"),
    "sinks_failed_total": counter("Answers lost because the sink of who asked raised an exception"),
    "fanouts_under_way": gauge("Publishes that reach their queues in slices and are not done"),
    "fanout_queues_to_go": gauge("Queues that these have still to reach"),
    "publishes_held": gauge("Publishes held back because placing, or a fan-out, is behind"),
    "short_of_space": gauge("1 while publishes are refused because the disk is almost full"),
}
