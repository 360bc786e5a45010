"""Orders to payment, inventory, notification; what fails is released, dies, is fixed, redriven."""

import json
from typing import Any

import boto3
from served import served

stock, told, broken_cards = set[int](), list[int](), {13}


def pipeline(sqs: Any) -> None:
    """Three services, each with its queue; payments that fail three times are dead letters."""
    names = ["payments-dead", "payment", "inventory", "notification"]
    url = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    dead = {"QueueUrl": url["payments-dead"], "AttributeNames": ["All"]}
    arn = sqs.get_queue_attributes(**dead)["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.set_queue_attributes(QueueUrl=url["payment"], Attributes={"RedrivePolicy": policy})

    def send(name: str, order: int, act: str) -> None:
        sqs.send_message(QueueUrl=url[name], MessageBody=json.dumps([order, act]))

    def work(name: str) -> None:
        where = {"QueueUrl": url[name]}
        while got := sqs.receive_message(**where, WaitTimeSeconds=1).get("Messages"):
            order, act = json.loads(got[0]["Body"])
            proof = {**where, "ReceiptHandle": got[0]["ReceiptHandle"]}
            if name == "payment" and order in broken_cards:
                send("inventory", order, "release")
                sqs.change_message_visibility(**proof, VisibilityTimeout=0)  # again, at once
                continue
            if name == "payment":
                send("inventory", order, "reserve")
                send("notification", order, "paid")
            elif name == "inventory":
                (stock.add if act == "reserve" else stock.discard)(order)
            else:
                told.append(order)
            sqs.delete_message(**proof)

    def run(title: str) -> None:
        for name in names[1:]:
            work(name)
        count = sqs.get_queue_attributes(**dead)["Attributes"]["ApproximateNumberOfMessages"]
        print(f"{title}: paid {sorted(told)}, reserved {sorted(stock)}, dead letters {count}")

    for order in (12, 13, 14):
        send("inventory", order, "reserve")
        send("payment", order, "charge")
    run("at first")
    broken_cards.clear()
    sqs.start_message_move_task(SourceArn=arn)
    run("fixed and redriven")


with served("pipeline-data") as endpoints:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    pipeline(boto3.client("sqs", endpoint_url=f"http://{endpoints['sqs']}", **keys))
