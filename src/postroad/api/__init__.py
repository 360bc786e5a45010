"""The Python API: a broker in process, with a blocking and an asyncio face.

It stands over the engine. The rule kept here: each operation is written once, in `operations.py`;
the faces only carry its questions to a driver.
"""
