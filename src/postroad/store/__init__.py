"""The store: blocks of what outlives the cache, and checkpoints of the state; bytes only.

It stands below the engine, beside the journal and the core, neither of which it knows.
"""
