"""Messages and business rows in one transaction of a database: the outbox and the inbox.

Rule kept here: the database says what is to be sent and what was handled; the broker says what was
sent. Neither has to be told twice, and neither is believed twice.
"""

from postroad.outbox.inbox import Inbox
from postroad.outbox.relay import Relay
from postroad.outbox.table import Outbox

__all__ = ["Inbox", "Outbox", "Relay"]
