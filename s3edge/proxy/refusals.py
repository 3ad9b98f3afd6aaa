"""Refusals that come late: a client that does not mind them must not cost more than one that does."""

import asyncio
from collections.abc import Callable
from typing import Final

from s3edge.qos.bucket import Bucket

# Refusals per second and client that are answered at once: SDKs pause before they try again, so that it takes some
# hundred threads of them to be refused so often. Who does not pause is answered late, so that refusing it costs little.
REFUSALS: Final = 100.0
# The longest that a refusal is held back, in seconds: a client that keeps 400 connections busy is then refused 400
# times a second, which takes 4% of a core.
MOST_DELAY: Final = 1.0
# Clients whose refusals are counted; beyond, all are forgotten.
_MOST_REFUSED: Final = 10_000


class Refusals:
    """Those of one worker, counted for each tenant and client address; `now` is the clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._refused: dict[tuple[str, str], Bucket] = {}

    async def hold_back(self, tenant: str, address: str) -> None:
        """Let a client wait for its refusal that has had many of late."""
        now, who = self._now(), (tenant, address)
        refused = self._refused.get(who)
        if refused is None:
            if len(self._refused) >= _MOST_REFUSED:
                self._refused.clear()
            refused = self._refused[who] = Bucket(REFUSALS, 1.0)
        delay = refused.delay(now)
        if delay < MOST_DELAY:  # else its debt would grow for as long as it goes on, and be paid long after
            refused.take(1.0, now)
        if delay:
            await asyncio.sleep(min(delay, MOST_DELAY))
