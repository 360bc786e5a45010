"""botocore's own description of SQS: the oracle for the tables."""

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel


@cache
def service() -> ServiceModel:
    description: Any = Loader().load_service_model("sqs", "service-2")
    return ServiceModel(description, "sqs")
