"""Schedules: messages that time publishes, each slot once.

One rule: a slot and the message it fires are one step.
"""
