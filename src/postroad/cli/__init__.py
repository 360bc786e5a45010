"""The command `postroad`: a server, and what one does with a data directory by hand.

It stands at the very top of the road. The rule kept here: people get tables, machines get JSON, and
every error is one line on the standard error output.
"""
