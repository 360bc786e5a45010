"""A broker in another process: drivers that carry commands over a connection, and their replies."""
