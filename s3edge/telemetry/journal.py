"""Where the data path reports its events: counted at once, logged if they are warnings, kept until they are taken.

An event costs one addition and one place in a ring. It becomes text only when it is logged or taken.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from s3edge.events import Event, EventsLeftOut, Subject
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.printable import printable, writable

log = logging.getLogger(__name__)

# Events kept until they are taken, which is twice a second: a storm is told by its counts, not by its every event, and
# to write 256 of them takes about a millisecond of the worker's loop.
PENDING_LIMIT = 256
# Per kind and second. A node that dies may cut hundreds of bodies; ten lines say what is the matter.
LINE_LIMIT = 10
# Characters. S3 allows keys of 1,024 bytes and buckets of 63 (older ones 255); a client may send anything.
KEY_LIMIT = 1024
NAME_LIMIT = 255
TEXT_LIMIT = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in words. `at` is seconds of the loop's clock, which all processes of a machine share."""

    at: float
    event: str
    level: str
    node: str
    text: str
    subject: Subject | None = None


class Journal:
    """The events of one worker; `now` is its loop's clock."""

    def __init__(self, meter: Meter, now: Callable[[], float]) -> None:
        self._meter = meter
        self._now = now
        self._pending: deque[tuple[float, Event]] = deque(maxlen=PENDING_LIMIT)
        self._left_out = 0
        self._lines: dict[str, _Lines] = {}

    def record(self, event: Event) -> None:
        """Take note of an event, which was decided now."""
        now = self._now()
        self._meter.event(event)
        if len(self._pending) == PENDING_LIMIT:
            self._left_out += 1
        self._pending.append((now, event))
        if event.level == "warning":
            self._log(event, now)

    def take(self) -> list[Entry]:
        """What was recorded since the last call, oldest first.

        Of more than PENDING_LIMIT events the newest are kept, and the first entry says how many are missing.
        """
        self._end_lines(self._now())
        entries = [describe(event, at) for at, event in self._pending]
        if self._left_out:
            entries.insert(0, describe(EventsLeftOut("", None, self._left_out), entries[0].at))
        self._pending.clear()
        self._left_out = 0
        return entries

    def _log(self, event: Event, now: float) -> None:
        self._end_lines(now)
        lines = self._lines.setdefault(event.name, _Lines(now))
        lines.wanted += 1
        if lines.wanted <= LINE_LIMIT:
            log.warning("%s%s", printable(event.text(), TEXT_LIMIT), _where(event.subject))

    def _end_lines(self, now: float) -> None:
        """Say what was not logged in seconds that are over."""
        for name in [name for name, lines in self._lines.items() if now - lines.since >= 1.0]:
            lines = self._lines.pop(name)
            if lines.wanted > LINE_LIMIT:
                log.warning("%s: %d more in the same second", name, lines.wanted - LINE_LIMIT)


@dataclass(slots=True)
class _Lines:
    """How many log lines one kind of event wanted in the second since `since`."""

    since: float
    wanted: int = 0


def describe(event: Event, at: float) -> Entry:
    """The event in words. What is not UTF-8 in them is escaped, and what is too long is cut."""
    subject = event.subject
    if subject is not None:
        subject = Subject(subject.operation, writable(subject.bucket, NAME_LIMIT), writable(subject.key, KEY_LIMIT))
    return Entry(at, event.name, event.level, event.node, writable(event.text(), TEXT_LIMIT), subject)


def _where(subject: Subject | None) -> str:
    if subject is None:
        return ""
    return f" ({subject.operation} {printable(subject.bucket, NAME_LIMIT)}/{printable(subject.key, KEY_LIMIT)})"
