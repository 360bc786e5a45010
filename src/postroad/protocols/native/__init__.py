"""The native protocol: the model's own commands and replies, in frames."""
