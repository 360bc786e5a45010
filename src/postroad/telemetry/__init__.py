"""What a program may see of its messages from outside: spans of OpenTelemetry, and logs that name
the message they are about.

It stands over the faces and the app. The rule kept here: what is watched goes on when the watching
fails, and costs nothing where nobody watches.
"""

from postroad.telemetry.logs import JsonLines, MessageLogs

__all__ = ["JsonLines", "MessageLogs"]
