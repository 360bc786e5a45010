"""The disk: the few calls on files that journal and store need, behind one protocol.

It stands beside the model, below journal and store. It is the seam for fault tests: whatever runs
on the real disk runs unchanged on one that forgets, tears and fails.
"""
