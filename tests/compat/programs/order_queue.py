"""Sends one order and leaves it to whoever processes orders."""

import boto3

sqs = boto3.client("sqs")

sqs.send_message(
    QueueUrl="https://sqs.us-east-1.amazonaws.com/123456/my-queue",
    MessageBody="Process order #123",
    MessageAttributes={"OrderType": {"StringValue": "standard", "DataType": "String"}},
)
