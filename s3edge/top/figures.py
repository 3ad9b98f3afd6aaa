"""The figures of the whole edge, each with its course over the last minutes."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from s3edge.top.frame import Totals
from s3edge.top.sheet import Line, Tone
from s3edge.top.text import byte_rate_short, latency_text, number_short, padded

# Frames: five minutes, more than the widest terminal shows of each figure.
KEPT: Final = 300
# Cells of a figure's name, and of its value: "1.2 / 999 ms" is a long one.
NAME_WIDTH, VALUE_WIDTH = 10, 13
# Cells of a figure that has room for a minute's course.
LEAST_WIDTH: Final = 32
_BARS: Final = "▁▂▃▄▅▆▇█"


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
    Figure("byte 1 p50", lambda totals: totals.first_byte.p50, lambda totals: latency_text(totals.first_byte.p50)),
    Figure("byte 1 p99", lambda totals: totals.first_byte.p99, lambda totals: latency_text(totals.first_byte.p99)),
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

    def add(self, totals: Totals) -> None:
        """Take the figures of one more frame."""
        for values, figure in zip(self._values, FIGURES, strict=True):
            values.append(figure.value(totals))

    def gap(self) -> None:
        """Frames are missing here."""
        for values in self._values:
            if values and values[-1] is not None:
                values.append(None)

    def lines(self, totals: Totals | None, width: int) -> list[Line]:
        """All figures, side by side as far as the width allows."""
        beside = max(1, min(4, width // LEAST_WIDTH))
        each = (width - 2 * (beside - 1)) // beside
        lines: list[Line] = []
        for index, (figure, values) in enumerate(zip(FIGURES, self._values, strict=True)):
            if index % beside == 0:
                lines.append([])
            else:
                lines[-1].append(("  ", Tone.PLAIN))
            lines[-1] += _figure(figure, totals, list(values), each)
        return lines


def _figure(figure: Figure, totals: Totals | None, values: Sequence[float | None], width: int) -> Line:
    course = bars(values, max(0, width - NAME_WIDTH - VALUE_WIDTH - 2))
    text = "" if totals is None else figure.text(totals)
    is_raised = totals is not None and bool(figure.value(totals))
    tone = (figure.tone if is_raised else Tone.PLAIN) if figure.tone is not Tone.PLAIN else Tone.STRONG
    return [
        (padded(figure.name, NAME_WIDTH), Tone.DIM),
        (padded(text, VALUE_WIDTH - 1, is_number=True), tone),
        (f"  {course} ", Tone.GOOD if figure.tone is Tone.PLAIN else tone),
    ]


def bars(values: Sequence[float | None], width: int) -> str:
    """The last values as bars, the newest at the right. The lowest bar is zero, so that noise on a level looks small.

    A space stands where there was nothing to measure.
    """
    shown = list(values)[-width:] if width else []
    highest = max((value for value in shown if value is not None), default=0.0)
    top = len(_BARS) - 1
    text = "".join(
        " " if value is None else _BARS[round(max(0.0, value) / highest * top) if highest > 0 else 0] for value in shown
    )
    return text.rjust(width)
