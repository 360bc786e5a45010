"""A program written for Amazon SQS, unchanged but for the endpoint."""

import boto3
from served import served

with served("sqs-data") as endpoints:
    sqs = boto3.client(
        "sqs",
        endpoint_url=f"http://{endpoints['sqs']}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    url = sqs.create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    sqs.send_message(
        QueueUrl=url,
        MessageBody="order 1001",
        MessageAttributes={"customer": {"DataType": "String", "StringValue": "ada"}},
    )
    entries = [{"Id": str(at), "MessageBody": f"order {at}"} for at in range(1002, 1005)]
    print("sent:", 1 + len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]))

    seen = []
    while got := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        for message in got:
            seen.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    print("seen:", sorted(seen))
    sqs.close()
