"""Hypothesis profiles: `fast` repeats the same examples in each run, `deep` looks for new ones."""

import os

from hypothesis import HealthCheck, settings

# No deadline: a busy machine must not fail a test; pytest-timeout bounds each test.
settings.register_profile("fast", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
