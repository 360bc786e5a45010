"""Fan-outs: publishes to so many queues that these get them a slice at a time.

It stands beside queues in the core. The rule kept here: what was accepted reaches every queue it
was accepted for that is still there, in the order it was accepted, and who published it is told
when the last of them has it.
"""
