"""Workflows: tasks that wait for each other, one flow per id.

It stands beside the workers. The rule kept here: what a flow has come to is in the broker, and
changes in the same step as the ack of what made it change.
"""
