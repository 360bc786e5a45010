"""What an SDK of 2022 does, in the Query form that was all there was; says what came back."""

import json
import sys
from typing import Any

import botocore.session

url = sys.argv[1]
session = botocore.session.get_session()
sqs: Any = session.create_client(
    "sqs",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="wJalrXUtnFEMI",
)
said: dict[str, Any] = {"protocol": sqs.meta.service_model.metadata["protocol"]}

dead = sqs.create_queue(QueueName="old-dead")["QueueUrl"]
queue = sqs.create_queue(
    QueueName="old-mail", Attributes={"VisibilityTimeout": "60"}, tags={"team": "a&b"}
)["QueueUrl"]
said["url"] = queue
dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
policy = {"deadLetterTargetArn": dead_arn["QueueArn"], "maxReceiveCount": "1"}
sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})
said["sources"] = sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"]
said["tags"] = sqs.list_queue_tags(QueueUrl=queue)["Tags"]
said["found"] = sqs.get_queue_url(QueueName="old-mail")["QueueUrl"]
said["listed"] = sqs.list_queues(QueueNamePrefix="old-")["QueueUrls"]

body = "<ü & \U0001f4ee> a+b%20c\n\ttab"
attributes = {
    "text": {"DataType": "String", "StringValue": "a&b=c"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}
sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes)
got = sqs.receive_message(
    QueueUrl=queue, AttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=20
)["Messages"][0]
said["same"] = (
    got["Body"] == body
    and got["MessageId"] == sent["MessageId"]
    and got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    and got["MessageAttributes"] == attributes
)
said["count"] = got["Attributes"]["ApproximateReceiveCount"]
sqs.change_message_visibility(
    QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=90
)
sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])

batch = sqs.send_message_batch(
    QueueUrl=queue,
    Entries=[
        {"Id": "a", "MessageBody": "one"},
        {"Id": "b", "MessageBody": "two", "MessageAttributes": attributes},
        {"Id": "c", "MessageBody": "bell \x01", "DelaySeconds": 0},
    ],
)
said["sent"] = [one["Id"] for one in batch["Successful"]]
said["failed"] = [(one["Id"], one["Code"], one["SenderFault"]) for one in batch["Failed"]]
got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)["Messages"]
said["bodies"] = [one["Body"] for one in got]
deleted = sqs.delete_message_batch(
    QueueUrl=queue,
    Entries=[{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(got)],
)
said["deleted"] = [one["Id"] for one in deleted["Successful"]]
said["empty"] = "Messages" not in sqs.receive_message(QueueUrl=queue)
sqs.add_permission(
    QueueUrl=queue, Label="p", AWSAccountIds=["111122223333"], Actions=["SendMessage"]
)
sqs.remove_permission(QueueUrl=queue, Label="p")
sqs.tag_queue(QueueUrl=queue, Tags={"x": "y"})
sqs.untag_queue(QueueUrl=queue, TagKeys=["team"])
said["tags_left"] = sqs.list_queue_tags(QueueUrl=queue)["Tags"]
sqs.purge_queue(QueueUrl=queue)
try:
    sqs.purge_queue(QueueUrl=queue)
except sqs.exceptions.PurgeQueueInProgress as error:
    said["purge"] = error.response["Error"]["Code"]
sqs.delete_queue(QueueUrl=queue)
try:
    sqs.get_queue_url(QueueName="old-mail")
except sqs.exceptions.QueueDoesNotExist as error:
    said["gone"] = error.response["Error"]["Code"], error.response["Error"]["Type"]
print(json.dumps(said))
