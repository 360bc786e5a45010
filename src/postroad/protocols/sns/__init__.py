"""Amazon SNS: topics are fanout exchanges, subscriptions are bindings.

Wire forms in, core commands out; nothing below this package knows SNS.
"""
