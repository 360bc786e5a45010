"""One rig per test: a fresh naive core, a fresh session, a clock that stands."""

from typing import Any

import pytest

from tests.wire.sqs.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def sqs(rig: Rig) -> Any:
    """A boto3 client on the rig."""
    return rig.client()


@pytest.fixture
def mail(sqs: Any) -> str:
    """The address of a queue."""
    return str(sqs.create_queue(QueueName="mail")["QueueUrl"])
