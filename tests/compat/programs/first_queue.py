"""A first program for Amazon SQS, as a course on message queues prints it."""

import boto3

sqs = boto3.client("sqs")

# Send message
sqs.send_message(
    QueueUrl="https://sqs.../my-queue", MessageBody='{"task": "process_image", "id": 123}'
)

# Receive messages
response = sqs.receive_message(QueueUrl="https://sqs.../my-queue", MaxNumberOfMessages=10)

for message in response["Messages"]:
    print(message["Body"])

    # Delete after processing
    sqs.delete_message(QueueUrl="https://sqs.../my-queue", ReceiptHandle=message["ReceiptHandle"])
