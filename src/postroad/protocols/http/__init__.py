"""HTTP/1.1 as the protocols that ride on it share it: requests in, answers out, in order.

Nothing here knows what a request asks for.
"""
