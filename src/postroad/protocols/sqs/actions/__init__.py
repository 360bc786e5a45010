"""The actions: one generator each, from typed input to plain answer.

An action yields commands of the model and is sent their replies; it returns its answer or a fault.
"""
