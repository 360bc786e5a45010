"""The thinking: decide -> records -> apply, deterministic, with no clock, dice or files.

State changes only in apply, so that replaying the journal gives the state that was lived through.
"""
