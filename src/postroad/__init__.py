"""Postroad: a durable message broker."""

__version__ = "0.1.0"
