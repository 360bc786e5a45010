"""Schemas of queues and topics: what does not fit is refused at publish.

Its place: one of the core's realms. The rule kept here: a publish is held to the newest version;
what was accepted once is never looked at again, whatever comes later.
"""
