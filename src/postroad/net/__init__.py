"""The sockets: accept, read, write and hold back.

It stands above the protocols and the engine and joins them: bytes go to a session, its asks to the
engine, the answers back. It knows a protocol by its interface only.
"""
