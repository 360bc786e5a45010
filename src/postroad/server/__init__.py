"""Putting it together: settings, the one place where the parts are joined, signals and draining.

It stands at the top of the road, below the command line only.
"""
