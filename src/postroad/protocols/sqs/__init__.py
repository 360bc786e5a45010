"""Amazon SQS over HTTP, JSON 1.0 and Query: standard queues, as SDKs expect them.

Its words end in `mapping`; what lies below knows queues, leases and deliveries.
"""
