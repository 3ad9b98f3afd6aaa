"""What s3edge decided lately, in plain words, the newest first. Decisions of one kind in one second become one line."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from typing import Final

from s3edge.top.frame import Event
from s3edge.top.sheet import Cell, Column, Row, Sheet, Tone
from s3edge.top.text import harmless

COLUMNS: Final = (Column("time", 8), Column("", 1), Column("decision", 0))
# Lines that are kept: some screens of them.
KEPT: Final = 200
# What is good news, and what calls for a look though its level is but `info`.
_TONES: Final = {
    "NodeReturned": Tone.GOOD,
    "NodeUnthrottled": Tone.GOOD,
    "SourceReleased": Tone.GOOD,
    "BodyResumed": Tone.GOOD,
    "HedgeWon": Tone.GOOD,
    "NodeTurned": Tone.STRONG,
    "BodyCut": Tone.BAD,
    "NodeEjected": Tone.BAD,
}
_SIGNS: Final = {Tone.GOOD: "+", Tone.STRONG: "*", Tone.WARN: "!", Tone.BAD: "!"}


@dataclass(slots=True)
class _Line:
    """The first of `count` decisions of one kind about one node in one second."""

    event: Event
    count: int = 1


class Decisions:
    """Takes events as they come. A node that dies under load makes hundreds in a second, which nobody could read."""

    def __init__(self) -> None:
        self._lines: OrderedDict[tuple[int, str, str | None], _Line] = OrderedDict()
        self.last = 0
        self.missed = 0

    def add(self, event: Event) -> None:
        """Take the next event."""
        self.last = event.sequence
        kind = int(event.time.timestamp()), event.event, event.node
        line = self._lines.get(kind)
        if line is not None:
            line.count += 1
            return
        self._lines[kind] = _Line(event)
        if len(self._lines) > KEPT:
            self._lines.popitem(last=False)

    def add_all(self, events: Iterable[Event]) -> None:
        """Take some events, the oldest first."""
        for event in events:
            self.add(event)

    def sheet(self, most: int = KEPT) -> Sheet:
        """At most so many lines."""
        lines = islice(reversed(self._lines.values()), most)
        note = f"{self.missed:,} not seen" if self.missed else ""
        return Sheet(
            COLUMNS,
            tuple(_row(line) for line in lines),
            note,
            has_head=False,
            if_empty="nothing out of the ordinary was decided",
        )


def _row(line: _Line) -> Row:
    event = line.event
    tone = _TONES.get(event.event, Tone.WARN if event.level == "warning" else Tone.PLAIN)
    more = f" (and {line.count - 1} alike)" if line.count > 1 else ""
    return Row(
        f"{event.sequence}",
        (
            Cell(event.time.astimezone(UTC).strftime("%H:%M:%S"), Tone.DIM),
            Cell(_SIGNS.get(tone, " "), tone),
            Cell(f"{harmless(event.text)}{more}{_about(event)}", tone),
        ),
    )


def _about(event: Event) -> str:
    if event.operation is None:
        return ""
    return (
        f"  {harmless(event.operation)} {harmless(f'{event.bucket}/{event.key}' if event.key else event.bucket or '')}"
    )
