"""Bodies for tests that exist as numbers only, as greedy as a flow lets them be."""

import asyncio
from itertools import pairwise

from s3edge.config.qos import Priority
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.bucket import Bucket
from s3edge.transport.pacing import Link, Pacer
from s3edge.transport.wheel import FINE_TICK, Wheel

KIB = 1024
MIB = 1024 * KIB
ENDLESS = 10**12
BURST = 0.25


def new_pacer() -> Pacer:
    return Pacer(Wheel(asyncio.get_running_loop(), FINE_TICK))


def now() -> float:
    return asyncio.get_running_loop().time()


def is_idle(pacer: Pacer) -> bool:
    """Whether a pacer knows nobody who waits, and none of its lines does."""
    return not (pacer._waiting or pacer._queues or pacer._roots or pacer._granted)


def timers() -> int:
    """How many timers the running loop has."""
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return sum(not handle.cancelled() for handle in scheduled)


class Body:
    """Moves what its flow allows as soon as that does; `moves` are the times and sizes."""

    def __init__(
        self,
        pacer: Pacer,
        size: int = ENDLESS,
        *,
        account: Account | None = None,
        priority: Priority = Priority.NORMAL,
        caps: tuple[Bucket, ...] = (),
        link: Link | None = None,
    ) -> None:
        self.left = size
        self.moves: list[tuple[float, int]] = []
        self.flow = pacer.flow(account or Account(VirtualTime()), priority, caps, link)

    def go_on(self) -> None:
        while self.left:
            size = min(self.left, self.flow.allowance)
            self.flow.allowance -= size
            self.left -= size
            self.moves.append((now(), size))
            if self.left and not self.flow.ask(self.go_on):
                return
        self.flow.leave()
        self.ended()

    def ended(self) -> None:
        """All of it has moved."""

    def moved(self, start: float = 0.0, end: float = float("inf")) -> int:
        return sum(size for at, size in self.moves if start <= at < end)

    @property
    def longest_pause(self) -> float:
        return max((after - before for (before, _), (after, _) in pairwise(self.moves)), default=0.0)


class Job:
    """One connection of a client that asks for the next object as soon as it has the last."""

    def __init__(self, pacer: Pacer, sizes: tuple[int, ...], account: Account, link: Link) -> None:
        self.bytes = 0
        self._pacer = pacer
        self._sizes = sizes
        self._count = 0
        self._account = account
        self._link = link

    def go_on(self) -> None:
        size = self._sizes[self._count % len(self._sizes)]
        self._count += 1
        body = Body(self._pacer, size, account=self._account, link=self._link)
        body.ended = lambda: self._ended(size)  # type: ignore[method-assign]
        body.go_on()

    def _ended(self, size: int) -> None:
        self.bytes += size
        asyncio.get_running_loop().call_later(0.001, self.go_on)  # the round trip to the next object
