"""One event, three channels, a queue for each: mail is down, SMS is slow, and push is as ever."""

from postroad import App, RetryAfter
from postroad.testing import ClockedBroker

app = App()
sent: dict[str, list[int]] = {"push": [], "mail": [], "sms": []}
outages = ["mail"]


@app.worker("push", concurrency=3)
def push(user: int) -> None:
    """To the phone."""
    sent["push"].append(user)


@app.worker("mail", concurrency=5)
def mail(user: int) -> None:
    """To the inbox; a minute later where the mail server is down."""
    if "mail" in outages:
        raise RetryAfter(60, "the mail server is down")
    sent["mail"].append(user)


@app.worker("sms", concurrency=2, rate="10/s")
def sms(user: int) -> None:
    """To the number; the provider takes ten a second."""
    sent["sms"].append(user)


with ClockedBroker.open() as broker, app.test(broker, inline=False) as tested:
    for task in (push, mail, sms):
        task.delay_many([])  # makes its queue
    for user in range(100):
        # Somebody liked a post: a step for all channels, or for none.
        broker.publish([*sent], str(user).encode())

    tenths = 0
    for seconds in (0, 5, 60):
        while tenths < seconds * 10:
            broker.pass_time(100)
            tested.drain()
            tenths += 1
        tested.drain()
        print(f"{seconds} s:", *[f"{name} {len(users)}" for name, users in sent.items()])
        if seconds == 5:
            outages.remove("mail")
