"""The line at the top, which says whether all is well, and below it what is not."""

from datetime import UTC
from typing import Final

from rich.cells import cell_len

from s3edge.top.frame import Frame
from s3edge.top.reader import Lost
from s3edge.top.sheet import Line, Tone
from s3edge.top.text import cut, harmless, latency_text

# Seconds of loop lag from which clients feel it; see the troubleshooting table of docs/operations.md.
LAG_LIMIT: Final = 0.1


def headline(frame: Frame, site: str, width: int, lost: Lost | None = None, *, is_paused: bool = False) -> Line:
    """Who is looked at, and how it is, in exactly `width` cells."""
    edge = frame.edge
    workers = f"{edge.workers_ready}/{edge.workers} workers"
    parts = (
        ("◌ out of sight", Tone.BAD)
        if lost is not None
        else ("● ready", Tone.GOOD)
        if edge.not_ready is None
        else ("✗ not ready", Tone.BAD),
        (f"s3edge {harmless(edge.version)}", Tone.STRONG),
        (workers, Tone.PLAIN if edge.workers_ready >= edge.workers else Tone.WARN),
        (f"lag {latency_text(edge.loop_lag)}", Tone.PLAIN if edge.loop_lag < LAG_LIMIT else Tone.WARN),
        (f"{frame.time.astimezone(UTC):%H:%M:%S} UTC", Tone.DIM),
        *([("paused", Tone.WARN)] if is_paused else []),
        (site.removeprefix("http://"), Tone.DIM),
    )
    line: Line = []
    for text, tone in parts:
        line += [(text, tone), ("  ", Tone.PLAIN)]
    return fitted(line, width)


def fitted(line: Line, width: int) -> Line:
    """The line in exactly `width` cells: cut, or filled up."""
    fit: Line = []
    for text, tone in line:
        shown = cut(text, width)
        fit.append((shown, tone))
        width -= cell_len(shown)
    return [*fit, (" " * width, Tone.PLAIN)]


def troubles(
    frame: Frame, lost: Lost | None = None, garbage: int = 0, last_garbage: str = ""
) -> list[tuple[str, Tone]]:
    """What is not well, each in one line of any length."""
    lines = []
    if lost is not None:
        since = f"this is the picture of {frame.time.astimezone(UTC):%H:%M:%S} UTC"
        lines.append((f"{since}, next look in {lost.pause:.0f} s: {lost.reason}", Tone.BAD))
    elif frame.edge.not_ready is not None:
        lines.append((f"not ready: {harmless(frame.edge.not_ready)}", Tone.BAD))
    if garbage:
        messages = "message" if garbage == 1 else "messages"
        lines.append((f"{garbage} {messages} could not be understood, the last: {last_garbage}", Tone.WARN))
    return lines
