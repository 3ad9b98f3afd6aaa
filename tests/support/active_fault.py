"""A fault at work in a node: which requests it befalls, and what a node of limited capacity can still take."""

import heapq
import itertools

from tests.support.answers import Request, Steps, Wait
from tests.support.faults import Fault, ServesAtOnce, TakesRate


class ActiveFault:
    """A fault with what it has to remember: whom it befell, and what a limited node still can take."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._left = fault.next
        self._seen = 0
        self._tokens = float(fault.burst) if isinstance(fault, TakesRate) else 0.0
        self._filled_at = 0.0
        self._free_at = [0.0] * fault.slots if isinstance(fault, ServesAtOnce) else []

    def befalls(self, request: Request, size: int, is_probe: bool) -> bool:
        """Whether this request, for an object of `size` bytes, is one; asked once of each, in order."""
        fault = self.fault
        is_meant = (
            (fault.probes or not is_probe)
            and (not fault.method or fault.method.encode() == request.method)
            and (not fault.at_least or (request.is_read and size >= fault.at_least))
        )
        if not is_meant or self._left == 0:
            return False
        self._seen += 1
        if (self._seen - 1) % fault.every:
            return False
        if isinstance(fault, TakesRate) and self._has_token(fault, request.at):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def perform(self, steps: Steps, now: float) -> Steps:
        """How a node with this fault carries out an answer that it begins at `now`."""
        if not isinstance(self.fault, ServesAtOnce):
            return self.fault.perform(steps)
        done = max(now, self._free_at[0]) + self.fault.seconds
        heapq.heapreplace(self._free_at, done)
        return itertools.chain((Wait(done - now),), steps)

    def _has_token(self, fault: TakesRate, now: float) -> bool:
        """Take a token if there is one: the bucket gains `rate` a second and holds `burst`."""
        if self._seen > 1:
            self._tokens = min(fault.burst, self._tokens + (now - self._filled_at) * fault.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
