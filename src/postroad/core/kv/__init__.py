"""kv: bytes, maps, sets and sorted sets under keys, with ttl and compare-and-set.

Its place: one of the core's realms. The rule kept here: an entry is a few bytes in a page of a
tree, never an object of its own, however many keys or members there are.
"""
