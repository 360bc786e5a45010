"""The scenarios by name, each a module with `run(scale) -> list[Figure]`.

The rule kept here: every figure that Postroad must reach has a scenario that measures exactly that.
"""

SCENARIOS = {
    "embedded": "bench.scenarios.embedded",
    "publishers": "bench.scenarios.publishers",
    "peers": "bench.scenarios.peers",
    "backlog": "bench.scenarios.backlog",
    "memory": "bench.scenarios.memory",
    "start": "bench.scenarios.start",
    "turns": "bench.scenarios.turns",
    "kinds": "bench.scenarios.kinds",
    "kv": "bench.scenarios.kv",
    "exchanges": "bench.scenarios.exchanges",
    "topics": "bench.scenarios.topics",
    "sqs-raw": "bench.scenarios.sqs_raw",
    "sqs-boto": "bench.scenarios.sqs_boto",
    "sqs-groups": "bench.scenarios.sqs_groups",
    "sqs-idle": "bench.scenarios.sqs_idle",
    "amqp-raw": "bench.scenarios.amqp_raw",
    "amqp-rabbitmq": "bench.scenarios.amqp_rabbitmq",
    "remote": "bench.scenarios.remote",
    "workers": "bench.scenarios.workers",
    "soak": "bench.scenarios.soak",
}

PURE_TOO = ("embedded", "publishers")
"""Scenarios cheap enough to run on the plain variant too."""

FULL_ONLY = ("soak",)
"""Scenarios that run only when named: an hour at full scale."""

TIMES_TURNS = ("turns", "exchanges", "topics")
"""Scenarios whose drivers have a stopwatch for an engine."""

LIMIT_S = {
    "memory": 1_800,
    "soak": 4_500,
    "topics": 1_800,
    "amqp-rabbitmq": 1_800,
    "workers": 1_800,
}
"""Seconds a scenario may take where 600 are not enough."""
