"""A queue of jobs: send one, then receive, process and delete all there are."""

import json

import boto3

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/12345/my-queue"


def process(job: dict[str, str]) -> None:
    print(job["job_type"], job["image_id"])


sqs = boto3.client("sqs")

# Send
sqs.send_message(
    QueueUrl="https://sqs.us-east-1.amazonaws.com/12345/my-queue",
    MessageBody=json.dumps({"job_type": "resize_image", "image_id": "img-001"}),
    MessageAttributes={"Priority": {"StringValue": "high", "DataType": "String"}},
)

# Receive + Process + Delete (ACK)
response = sqs.receive_message(QueueUrl=QUEUE_URL, MaxNumberOfMessages=10, VisibilityTimeout=30)
for msg in response.get("Messages", []):
    process(json.loads(msg["Body"]))
    sqs.delete_message(QueueUrl=QUEUE_URL, ReceiptHandle=msg["ReceiptHandle"])
