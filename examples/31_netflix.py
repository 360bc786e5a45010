"""One upload, three kinds of work: each has a queue of its own, and its own workers."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import boto3
from served import served

WORKERS = {"transcode": 3, "thumbnail": 2, "metadata": 1}
VIDEOS = 20


def connect(endpoint: str, service: str) -> boto3.client:
    """Make a client; both services are on one port."""
    return boto3.client(
        service,
        endpoint_url=f"http://{endpoint}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def work(endpoint: str, url: str, name: str) -> list[tuple[str, str]]:
    """Take messages until there are none; a worker of one queue knows nothing of the others."""
    done = []
    sqs = connect(endpoint, "sqs")
    while got := sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"):
        upload = json.loads(json.loads(got[0]["Body"])["Message"])
        done.append((name, upload["video"]))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    sqs.close()
    return done


with served("netflix-data") as endpoints, ThreadPoolExecutor(sum(WORKERS.values())) as pool:
    endpoint = endpoints["sqs"]
    sns, sqs = connect(endpoint, "sns"), connect(endpoint, "sqs")
    topic = sns.create_topic(Name="video-uploaded")["TopicArn"]
    jobs = []
    for name, count in WORKERS.items():
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
        jobs += [partial(work, endpoint, url, name)] * count
    for number in range(VIDEOS):
        sns.publish(TopicArn=topic, Message=json.dumps({"video": f"video-{number}.mov"}))
    done = [one for job in [pool.submit(job) for job in jobs] for one in job.result()]
    for name in WORKERS:
        videos = {video for kind, video in done if kind == name}
        print(f"{name}: {len(videos)} videos")
    print("each once:", len(done) == len(set(done)) == VIDEOS * len(WORKERS))
    sns.close()
    sqs.close()
