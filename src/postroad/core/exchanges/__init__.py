"""Exchanges and bindings: who gets what is published to a name that holds no messages.

It stands beside queues in the core. The rule kept here: routing decides before anything is a fact;
what is journaled is where the messages went, not why.
"""
