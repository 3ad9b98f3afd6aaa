"""Nodes are shown with the state that counts, and why."""

from typing import Any

from s3edge.top.frame import Node
from s3edge.top.nodes import COLUMNS, STATES, sheet, state_of
from s3edge.top.sheet import Tone
from tests.top.made_up import node


def read(*nodes: dict[str, Any]) -> list[Node]:
    """Nodes as they are read."""
    return [Node.model_validate(fields) for fields in nodes]


def shown(**fields: Any) -> dict[str, str]:
    """The cells of a node by the titles of their columns."""
    [row] = sheet(read(node(**fields))).rows
    return {column.title: cell.text for column, cell in zip(COLUMNS, row.cells, strict=True)}


def test_a_node_that_is_up_is_shown_with_its_figures() -> None:
    assert shown(limit=64) == {
        "state": "● up",
        "node": "n1:9000",
        "since": "5m",
        "share": "100%",
        "in flight": "12/64",
        "p50": "4.2 ms",
        "p99": "31 ms",
        "req/s": "31",
        "cluster": "minio",
        "last reason": "answered 200",
    }


def test_what_was_not_measured_and_not_limited_is_left_out() -> None:
    cells = shown(first_byte={"p50": None, "p99": None}, limit=None, inflight=3)
    assert (cells["p50"], cells["p99"], cells["in flight"]) == ("-", "-", "3")


def test_live_traffic_overrules_probes_that_have_nothing_against_a_node() -> None:
    states = [
        state_of(each)
        for each in read(
            node(ejected_by_workers=1),
            node(throttled_to=120),
            node(ejected_by_workers=1, throttled_to=120),
            node(state="unknown", ejected_by_workers=1),
            node(state="down", ejected_by_workers=1),
            node(state="drained", throttled_to=120),
        )
    ]
    assert states == ["ejected", "throttled", "ejected", "ejected", "down", "drained"]


def test_each_state_has_a_sign_and_a_word() -> None:
    states = [shown(state=state)["state"] for state in ("up", "down", "draining", "drained", "unknown", "new")]
    assert states == ["● up", "✗ down", "◐ draining", "○ drained", "? unknown", "? new"]
    assert shown(ejected_by_workers=2)["state"] == "▲ ejected"
    assert shown(throttled_to=120)["state"] == "▼ throttled"
    assert len({sign for sign, _ in STATES.values()}) == len(STATES)


def test_the_reason_is_that_of_the_state_that_is_shown() -> None:
    assert shown(ejected_by_workers=2)["last reason"] == "live traffic failed, in 2 of the workers"
    assert shown(throttled_to=1200)["last reason"] == "it asked for less: 1,200 requests/s"
    assert shown(state="down", reason="cannot connect")["last reason"] == "cannot connect"
    assert shown(reason="")["last reason"] == "-"


def test_trouble_has_its_tone_in_state_and_reason() -> None:
    [row] = sheet(read(node(state="down"))).rows
    assert (row.cells[0].tone, row.cells[-1].tone) == (Tone.BAD, Tone.BAD)
    [row] = sheet(read(node())).rows
    assert (row.cells[0].tone, row.cells[-1].tone) == (Tone.GOOD, Tone.PLAIN)


def test_the_note_counts_nodes_and_those_that_get_no_requests() -> None:
    assert sheet(read(node(), node(throttled_to=5), node(state="unknown"))).note == "3"
    assert sheet(read(node(), node(state="down"), node(ejected_by_workers=1))).note == "3, 2 away"


def test_hostile_names_and_reasons_are_harmless_and_the_key_of_the_row_is_the_name() -> None:
    [row] = sheet(read(node(name="\x1b[31mn", reason="a\nb", state="\x07", cluster="\u202e"))).rows
    assert row.key == "\x1b[31mn"
    assert [row.cells[index].text for index in (0, 1, 8, 9)] == ["? \\x07", "\\x1b[31mn", "\\u202e", "a\\nb"]
