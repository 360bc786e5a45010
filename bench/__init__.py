"""What Postroad must reach, measured: one file per scenario, the targets beside the figures.

It stands beside the road and drives it as a program would. The rule kept here: a figure is of
messages that were durable when they were counted, and it is never a test.
"""
