"""The supervisor's share in limits: it divides them among its workers, by what each of them uses and wants."""

import asyncio
from collections.abc import Callable

from s3edge.fleet.ledger import Ledger
from s3edge.fleet.shared import Report, until_division
from s3edge.server.messages import Leased


class LimitWatch:
    """Divides the limits among `count` workers, which are told by `tell(number, message)`.

    One worker alone holds all limits by itself: nothing is divided then.
    """

    def __init__(self, count: int, tell: Callable[[int, Leased], None]) -> None:
        self._count = count
        self._tell = tell
        self._ledger = Ledger(count)
        self._now = asyncio.get_running_loop().time
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Divide from now on."""
        if self._count > 1:
            self._task = asyncio.create_task(self._divide(), name="divide limits")

    async def close(self) -> None:
        """Divide no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def began(self, number: int) -> tuple[Leased, ...]:
        """A worker is about to start: what it must know before it serves."""
        return (Leased(division=self._ledger.join(str(number))),) if self._count > 1 else ()

    def ended(self, number: int) -> None:
        """A worker's process has ended, and holds nothing any more."""
        self._ledger.left(str(number))

    def take(self, number: int, report: Report) -> None:
        """What a worker uses and wants."""
        self._ledger.report(str(number), report, self._now())

    async def _divide(self) -> None:
        while True:
            await asyncio.sleep(until_division(self._now()))
            for holder, division in self._ledger.divide(self._now()).items():
                if division.leases:
                    self._tell(int(holder), Leased(division=division))
