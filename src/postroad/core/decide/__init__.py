"""Deciders: command -> records and reply. They read state and change nothing."""
