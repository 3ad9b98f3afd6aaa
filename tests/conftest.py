"""Hypothesis profiles: `fast` repeats the same examples in each run, `deep` looks for new ones. And Ctrl-C works."""

import os
import signal

from hypothesis import HealthCheck, settings

# No deadline: a busy machine must not fail a test; pytest-timeout bounds each test.
settings.register_profile("fast", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# A shell ignores SIGINT for what it starts in the background, and so would all programs that tests start and end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
