"""What programs get for their own tests: a real broker whose clock the test moves.

Rule kept here: nothing is simulated but the time.
"""

from postroad.testing.broker import ClockedBroker
from postroad.testing.clock import ManualClock

__all__ = ["ClockedBroker", "ManualClock"]
