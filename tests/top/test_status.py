"""The line at the top says whether all is well, and the lines below it what is not."""

from typing import Any

from s3edge.top.reader import Lost
from s3edge.top.sheet import Tone
from s3edge.top.status import fitted, headline, troubles
from tests.top.made_up import frame, frame_fields

LOST = Lost("cannot connect", 4.0)


def edge(**fields: Any) -> dict[str, Any]:
    """The edge of a made-up frame."""
    edge: dict[str, Any] = frame_fields()["edge"] | fields
    return edge


def head(width: int = 90, lost: Lost | None = None, *, is_paused: bool = False, **fields: Any) -> str:
    """The line as text."""
    line = headline(frame(edge=edge(**fields)), "http://127.0.0.1:9090", width, lost, is_paused=is_paused)
    return "".join(text for text, _ in line)


def test_the_line_says_who_is_looked_at_and_how_it_is() -> None:
    assert head().rstrip() == "● ready  s3edge 9.9  4/4 workers  lag 2.0 ms  12:00:00 UTC  127.0.0.1:9090"


def test_that_it_is_not_ready_lost_or_paused_is_said_in_words() -> None:
    assert head(not_ready="no node is proven up").startswith("✗ not ready  ")
    assert head(lost=LOST).startswith("◌ out of sight  ")
    assert head(lost=LOST, not_ready="x").startswith("◌ out of sight  ")
    assert "  paused  " in head(is_paused=True)


def test_missing_workers_and_a_late_loop_have_a_tone() -> None:
    line = headline(frame(edge=edge(workers_ready=3, loop_lag=0.21)), "s", 90)
    assert ("3/4 workers", Tone.WARN) in line
    assert ("lag 210 ms", Tone.WARN) in line


def test_the_line_is_as_wide_as_the_screen() -> None:
    assert [len(head(width)) for width in (5, 40, 80, 200)] == [5, 40, 80, 200]
    assert fitted([("ab", Tone.PLAIN), ("cd", Tone.BAD)], 3) == [("ab", Tone.PLAIN), ("…", Tone.BAD), ("", Tone.PLAIN)]


def test_when_all_is_well_there_is_nothing_more_to_say() -> None:
    assert troubles(frame()) == []


def test_why_it_is_not_ready_is_said_and_is_harmless() -> None:
    assert troubles(frame(edge=edge(not_ready="a\x1bb"))) == [("not ready: a\\x1bb", Tone.BAD)]


def test_an_old_picture_is_marked_with_its_time_and_the_next_try() -> None:
    told = troubles(frame(edge=edge(not_ready="x")), LOST, LOST)
    assert told == [("reconnecting in 4 s, this is the picture of 12:00:00 UTC: cannot connect", Tone.BAD)]


def test_decisions_may_be_lost_alone() -> None:
    told = troubles(frame(), None, LOST)
    assert told == [("decisions are not told, reconnecting in 4 s: cannot connect", Tone.WARN)]


def test_garbage_is_counted_and_the_last_of_it_is_named() -> None:
    assert troubles(frame(), garbage=(1, "edge: x")) == [
        ("1 message could not be understood, the last: edge: x", Tone.WARN)
    ]
    assert troubles(frame(), garbage=(1200, "y"))[0][0].startswith("1,200 messages could not")
