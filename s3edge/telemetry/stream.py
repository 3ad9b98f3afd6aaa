"""The events of all processes in one numbered row, for those who look at it: the last ones are kept, viewers follow.

A viewer is a place in the row and has no queue of its own, so that any number of them, however slow, cost no memory.
One that the row has left behind is told how many events it missed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from s3edge.events import Event
from s3edge.telemetry.journal import Entry, describe

# About a megabyte. A node's death under load makes some hundred events.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """An entry and its place in the row. `time` is seconds since 1970; `worker` is None for the supervisor."""

    sequence: int
    time: float
    worker: int | None
    entry: Entry


@dataclass(frozen=True, slots=True)
class Batch:
    """What came after some place in the row, oldest first; `missed` events before these are no longer kept.

    `last` is the number of the newest event, from which the viewer goes on.
    """

    missed: int
    events: list[Told]
    last: int


class EventStream:
    """Numbers events from 1 on. `now` is the clock of the entries, `wall` that of people, both in seconds."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._now = now
        self._wall = wall
        self._kept: deque[Told] = deque(maxlen=KEPT)
        self._last = 0
        self._news = asyncio.Event()
        self.is_ended = False

    def report(self, event: Event) -> None:
        """Add an event that the supervisor decided now."""
        self.add(None, (describe(event, self._now()),))

    def add(self, worker: int | None, entries: Iterable[Entry]) -> None:
        """Add what a worker told."""
        to_wall = self._wall() - self._now()
        for entry in entries:
            self._last += 1
            self._kept.append(Told(self._last, entry.at + to_wall, worker, entry))
        self._wake()

    def since(self, sequence: int | None) -> Batch:
        """What came after an event; None: all that is kept.

        A number that was not given yet is one from before a restart: then, too, it is all that is kept.
        """
        if sequence is None or sequence > self._last:
            return Batch(0, list(self._kept), self._last)
        left_behind = self._last - len(self._kept) - sequence
        events = list(islice(self._kept, max(0, -left_behind), None))
        return Batch(max(0, left_behind), events, self._last)

    async def next_after(self, sequence: int | None, pause: float) -> Batch:
        """What came after an event, as soon as there is something; without events after `pause` quiet seconds."""
        batch, news = self.since(sequence), self._news
        if batch.events or self.is_ended:
            return batch
        try:
            async with asyncio.timeout(pause):
                await news.wait()
        except TimeoutError:
            return batch
        return self.since(batch.last)

    def end(self) -> None:
        """Wake all who wait: no more is to be waited for. Events are still taken and kept."""
        self.is_ended = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
