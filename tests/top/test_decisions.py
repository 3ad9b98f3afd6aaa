"""Decisions are told in words, the newest first, and a storm of them in few lines."""

from typing import Any

from s3edge.top.decisions import KEPT, Decisions
from s3edge.top.sheet import Tone
from tests.top.made_up import event

REQUEST = {"operation": "GetObject", "bucket": "demo", "key": "a/key"}


def lines(*events: dict[str, Any]) -> list[str]:
    """What is told of these events."""
    decisions = Decisions()
    decisions.add_all(event(number, **fields) for number, fields in enumerate(events, 1))
    return [" ".join(cell.text for cell in row.cells) for row in decisions.sheet().rows]


def test_the_newest_decision_comes_first() -> None:
    assert lines({"text": "a"}, {"text": "b", "node": "n2"}) == ["11:59:58 + b", "11:59:58 + a"]


def test_a_decision_about_a_request_says_about_which() -> None:
    assert lines({"text": "resumed", **REQUEST}) == ["11:59:58 + resumed  GetObject demo/a/key"]
    assert lines({"text": "resumed", **REQUEST, "key": ""}) == ["11:59:58 + resumed  GetObject demo"]


def test_a_storm_is_one_line_for_each_kind_and_node_and_second() -> None:
    storm = [{"event": "BodyResumed", "node": node, "text": f"{node} {n}"} for n in range(40) for node in ("a", "b")]
    later = {"event": "BodyResumed", "node": "a", "text": "later", "time": "2024-02-29T11:59:59Z"}
    assert lines(*storm, later) == [
        "11:59:59 + later",
        "11:59:58 + b 0 (and 39 alike)",
        "11:59:58 + a 0 (and 39 alike)",
    ]


def test_signs_tell_good_news_from_bad() -> None:
    kinds = (("NodeTurned", "info"), ("NodeEjected", "warning"), ("RequestShed", "warning"), ("Hedged", "info"))
    decisions = Decisions()
    decisions.add_all(event(number, event=kind, level=level) for number, (kind, level) in enumerate(kinds, 1))
    shown = [(row.cells[1].text, row.cells[2].tone) for row in reversed(decisions.sheet().rows)]
    assert shown == [("*", Tone.STRONG), ("!", Tone.BAD), ("!", Tone.WARN), (" ", Tone.PLAIN)]


def test_only_the_last_lines_are_kept() -> None:
    decisions = Decisions()
    decisions.add_all(event(number, node=f"n{number}", text=f"n{number}") for number in range(KEPT + 5))
    rows = decisions.sheet().rows
    assert (len(rows), rows[0].cells[2].text, rows[-1].cells[2].text) == (KEPT, f"n{KEPT + 4}", "n5")
    assert len(decisions.sheet(3).rows) == 3


def test_the_number_of_the_last_event_is_known_also_after_a_restart_of_the_server() -> None:
    decisions = Decisions()
    decisions.add_all((event(7), event(8)))
    assert decisions.last == 8
    decisions.add(event(1))
    assert decisions.last == 1


def test_events_that_were_missed_are_counted() -> None:
    decisions = Decisions()
    decisions.missed = 1200
    assert decisions.sheet().note == "1,200 not seen"


def test_hostile_text_is_harmless() -> None:
    assert lines({"text": "a\x1b[2J", **REQUEST, "key": "\u202e\n"}) == [
        "11:59:58 + a\\x1b[2J  GetObject demo/\\u202e\\n"
    ]
