"""Claim checks: large bodies that are kept aside, and travel as references.

It stands over the Python face, beside the programs that publish and consume. The rule kept here: a
body is durable before its reference is published, and stays until whoever took it says so.
"""

from postroad.claimcheck.check import ClaimCheck
from postroad.claimcheck.claim import CLAIM_HEADER, Claim

__all__ = ["CLAIM_HEADER", "Claim", "ClaimCheck"]
