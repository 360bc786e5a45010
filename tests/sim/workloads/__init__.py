"""What the clients of a story do with each kind of thing."""
