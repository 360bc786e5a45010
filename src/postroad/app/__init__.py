"""Tasks as functions: calls of them are messages, and workers run them.

It stands over the API, between the command line and the broker's faces. The rule kept here: all of
it goes through the public API, so that it is the same embedded and connected.
"""
