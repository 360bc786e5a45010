"""The actions of SNS, by what they are about; `table` is the index.

Each is one program that the broker runs as one step.
"""
