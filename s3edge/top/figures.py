"""The figures of the whole edge, each with its course over the last minutes."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from s3edge.top.frame import Totals
from s3edge.top.sheet import Line, Tone
from s3edge.top.text import byte_rate_short, latency_text, number_short, padded

# Frames that are shown: two minutes, in which something that comes and goes is seen as a whole.
KEPT: Final = 120
# Cells of a figure's name, and of its value: "999 MiB/s" is a long one.
NAME_WIDTH, VALUE_WIDTH = 12, 10
# Cells of a figure whose course has room, and most figures side by side.
LEAST_WIDTH: Final = 38
MOST_BESIDE: Final = 3
# Without the full block, which would touch the line above.
_BARS: Final = "▁▂▃▄▅▆▇"


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` gives what the course shows, None if there was nothing to measure; `text` says the present one."""

    name: str
    value: Callable[[Totals], float | None]
    text: Callable[[Totals], str]
    tone: Tone = Tone.PLAIN
    """How a value above zero is to be taken."""


def _hidden(totals: Totals) -> float:
    """Failures that no client saw: retries, hedges and resumes per second."""
    return totals.retries_per_second + totals.hedges_per_second + totals.resumes_per_second


FIGURES: Final = (
    Figure("sent", lambda totals: totals.sent_per_second, lambda totals: byte_rate_short(totals.sent_per_second)),
    Figure(
        "received",
        lambda totals: totals.received_per_second,
        lambda totals: byte_rate_short(totals.received_per_second),
    ),
    Figure(
        "requests",
        lambda totals: totals.requests_per_second,
        lambda totals: f"{number_short(totals.requests_per_second)}/s",
    ),
    Figure("in flight", lambda totals: totals.inflight, lambda totals: number_short(totals.inflight)),
    Figure("1st byte p50", lambda totals: totals.first_byte.p50, lambda totals: latency_text(totals.first_byte.p50)),
    Figure("1st byte p99", lambda totals: totals.first_byte.p99, lambda totals: latency_text(totals.first_byte.p99)),
    Figure("stalled", lambda totals: totals.stalled, lambda totals: f"{number_short(totals.stalled)} s/s"),
    Figure("waiting", lambda totals: totals.waiting, lambda totals: number_short(totals.waiting), Tone.WARN),
    Figure(
        "failed",
        lambda totals: totals.failed_per_second,
        lambda totals: f"{number_short(totals.failed_per_second)}/s",
        Tone.BAD,
    ),
    Figure(
        "shed",
        lambda totals: totals.shed_per_second,
        lambda totals: f"{number_short(totals.shed_per_second)}/s",
        Tone.WARN,
    ),
    Figure("hidden", _hidden, lambda totals: f"{number_short(_hidden(totals))}/s", Tone.STRONG),
    Figure("clients", lambda totals: totals.connections, lambda totals: number_short(totals.connections)),
)


class History:
    """The values of all figures in the last frames."""

    def __init__(self) -> None:
        self._values: list[deque[float | None]] = [deque(maxlen=KEPT) for _ in FIGURES]
        self._count = 0

    def add(self, totals: Totals) -> None:
        """Take the figures of one more frame."""
        self._count += 1
        for values, figure in zip(self._values, FIGURES, strict=True):
            values.append(figure.value(totals))

    def gap(self) -> None:
        """Frames are missing here."""
        self._count += 1
        for values in self._values:
            values.append(None)

    def lines(self, totals: Totals, width: int) -> list[Line]:
        """All figures, side by side as far as the width allows; what is said of each is that of `totals`."""
        beside = max(1, min(MOST_BESIDE, width // LEAST_WIDTH))
        each = (width - 2 * (beside - 1)) // beside
        lines: list[Line] = []
        for index, (figure, values) in enumerate(zip(FIGURES, self._values, strict=True)):
            if index % beside == 0:
                lines.append([])
            else:
                lines[-1].append(("  ", Tone.PLAIN))
            course = bars(values, max(0, each - NAME_WIDTH - VALUE_WIDTH - 2), self._count)
            lines[-1] += [*_words(figure, totals), (f"  {course}", Tone.COURSE)]
        return lines


def _words(figure: Figure, totals: Totals) -> Line:
    is_raised = figure.tone is not Tone.PLAIN and bool(figure.value(totals))
    return [
        (padded(figure.name, NAME_WIDTH), Tone.DIM),
        (padded(figure.text(totals), VALUE_WIDTH, is_number=True), figure.tone if is_raised else Tone.PLAIN),
    ]


def bars(values: Iterable[float | None], width: int, count: int) -> str:
    """At most KEPT values as bars, the newest at the right, where `count` values were seen since the beginning.

    Where there are more values than cells, a bar is the highest of some values: a short trouble must not vanish. The
    lowest bar stands for zero, so that noise on a level looks small, and a space for nothing to measure.
    """
    if width <= 0:
        return ""
    each = -(-KEPT // width)
    groups: dict[int, list[float]] = {}
    # Numbered from the beginning, so that a bar keeps its values while it wanders to the left.
    for number, value in enumerate(shown := list(values), count - len(shown)):
        group = groups.setdefault(number // each, [])
        if value is not None:
            group.append(max(0.0, value))
    peaks = [max(group, default=None) for group in groups.values()][-width:]
    highest = max((peak for peak in peaks if peak is not None), default=0.0) or 1.0
    top = len(_BARS) - 1
    return "".join(" " if peak is None else _BARS[round(peak / highest * top)] for peak in peaks).rjust(width)
