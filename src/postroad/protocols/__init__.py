"""The tongues: one package per wire protocol, each bytes in, values out.

A protocol knows the model's commands and replies and nothing below them.
"""
