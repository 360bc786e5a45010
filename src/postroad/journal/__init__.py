"""The journal: one durable sequence of groups, bytes only, behind one interface.

It stands below the engine, beside the store and the core, neither of which it knows.
"""
