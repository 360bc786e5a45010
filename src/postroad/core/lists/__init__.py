"""Lists: what can be done at both ends of a queue, and between.

One rule: a list has no state of its own but the order of its queue's messages.
"""
