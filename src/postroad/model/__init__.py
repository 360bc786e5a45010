"""The words: what may be asked of the core, what it answers, and the settings of things.

Everything above and below the core speaks in these values; nothing here acts.
"""
