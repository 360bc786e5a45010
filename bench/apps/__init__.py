"""The same no-op task under each framework, for `bench.scenarios.workers`.

The rule kept here: a module for each framework, with the task, the worker's command, and `send` as
its users call it; all else is the same for all.
"""
