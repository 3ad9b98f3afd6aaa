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
    frame: Frame, lost: Lost | None = None, lost_events: Lost | None = None, garbage: tuple[int, str] = (0, "")
) -> list[tuple[str, Tone]]:
    """What is not well, each in one line of any length; `garbage` counts messages, and says what the last one was."""
    told: list[tuple[str, Tone]] = []
    if lost is not None:
        seen = f"{frame.time.astimezone(UTC):%H:%M:%S} UTC"
        told.append((f"reconnecting in {lost.pause:.0f} s, this is the picture of {seen}: {lost.reason}", Tone.BAD))
    else:
        if frame.edge.not_ready is not None:
            told.append((f"not ready: {harmless(frame.edge.not_ready)}", Tone.BAD))
        if lost_events is not None:
            told.append(
                (f"decisions are not told, reconnecting in {lost_events.pause:.0f} s: {lost_events.reason}", Tone.WARN)
            )
    count, last = garbage
    if count:
        messages = "1 message" if count == 1 else f"{count:,} messages"
        told.append((f"{messages} could not be understood, the last: {last}", Tone.WARN))
    return told
