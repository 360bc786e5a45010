"""A queue as a list: newest first, a working list that survives its worker, a stack, a middle."""

from postroad import Broker

with Broker.open(None) as broker:
    # A feed of the latest three: pushed at one end, trimmed at the other.
    feed = broker.list("feed")
    for news in ("rain", "wind", "snow", "sun"):
        feed.push_left(news)
        feed.trim(0, 2)
    print("feed:", [message.body.decode() for message in feed.range()])

    # Take a job and note in the same step that it is being done; forget it when it is.
    jobs, doing = broker.list("jobs"), broker.list("doing")
    jobs.push_left("scale cat.png", "scale dog.png")
    job = jobs.move("doing")
    print("doing:", job.body.decode(), "- waiting:", jobs.length())
    doing.remove(job.body)
    print("lists left:", broker.queues())

    # The same messages are leased by those who like leases; what comes back is in its place.
    broker.release(broker.receive("jobs"))
    print("next:", jobs.get(-1).body.decode())

    # Jobs are taken from the right: something urgent goes to the right of another.
    jobs.push_left("scale fish.png")
    jobs.insert("scale dog.png", "scale owl.png", after=True)
    print("jobs:", [message.body.decode() for message in jobs.range()])
    print("stack:", [message.body.decode() for message in jobs.pop_left(2)])
