"""Small on purpose: profiles for Hypothesis, nothing else that all tests share."""

import os

from hypothesis import HealthCheck, settings

# Runs of CI repeat exactly: the same examples each time, no file left behind, no wall time judged.
settings.register_profile(
    "quick",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
