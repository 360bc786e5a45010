"""Topics and their groups: logs that are kept by time, size and key, and read from any place."""
