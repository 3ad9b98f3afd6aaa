"""Flows are shown in few words, and asked for in the order that is wanted."""

from typing import Any

from s3edge.top.flows import COLUMNS, ORDERS, Query, sheet
from s3edge.top.frame import Flows
from s3edge.top.sheet import Cell, Tone
from tests.top.made_up import flow


def flows(*flows: dict[str, Any], total: int = 1, matching: int = 1) -> Flows:
    """Flows as they are read."""
    return Flows.model_validate({"total": total, "matching": matching, "flows": flows})


def cells(**fields: Any) -> dict[str, Cell]:
    """The cells of a flow by the titles of their columns."""
    [row] = sheet(flows(flow(**fields)), Query()).rows
    return {column.title: cell for column, cell in zip(COLUMNS, row.cells, strict=True)}


def test_a_flow_is_shown_with_all_that_is_known_of_it() -> None:
    assert {title: cell.text for title, cell in cells().items()} == {
        "state": "send",
        "tenant": "rag",
        "operation": "GetObject",
        "node": "n1:9000",
        "moved": "12 MiB",
        "of": "64 MiB",
        "rate": "8.0 MiB/s",
        "age": "1.5s",
        "resumed": "0",
        "client": "10.0.0.7",
        "object": "datasets/train/00001.tar",
    }


def test_what_is_not_known_yet_is_left_out() -> None:
    shown = cells(state="waiting", node=None, size=None, bucket="", key="")
    assert [shown[title].text for title in ("state", "node", "of", "object")] == ["wait", "-", "-", "-"]


def test_a_request_for_a_bucket_is_shown_without_a_key() -> None:
    assert cells(key="")["object"].text == "datasets"


def test_each_state_has_its_word() -> None:
    states = [cells(state=state)["state"].text for state in ("waiting", "asking", "sending", "receiving", "new")]
    assert states == ["wait", "ask", "send", "recv", "new"]


def test_an_upload_is_shown_with_what_was_received() -> None:
    assert cells(state="receiving", received=5_242_880, sent=99)["moved"].text == "5.0 MiB"
    assert cells(state="asking", received=5_242_880, sent=0)["moved"].text == "5.0 MiB"


def test_a_body_that_stands_still_and_one_that_was_resumed_can_be_told() -> None:
    assert cells(rate=0.0)["rate"] == Cell("0 B/s", Tone.WARN)
    assert cells(rate=0.0, state="asking")["rate"] == Cell("0 B/s", Tone.PLAIN)
    assert cells(resumes=2)["resumed"] == Cell("2", Tone.WARN)


def test_the_object_is_the_last_column_and_harmless() -> None:
    assert COLUMNS[-1].title == "object"
    assert cells(key="\x1b[31m[red]\u202e")["object"].text == "datasets/\\x1b[31m[red]\\u202e"


def test_the_note_says_how_many_there_are_and_in_which_order() -> None:
    assert sheet(flows(flow()), Query()).note == "1, by age down"
    assert sheet(flows(flow(), total=4000, matching=300), Query("node")).note == "1 of 300 (4,000 in all), by node up"
    assert sheet(flows(total=4, matching=0), Query(filter="\x1b")).note == "0 (4 in all), by age down, with '\\\\x1b'"


def test_that_there_are_none_is_told_apart_from_that_none_matches() -> None:
    assert sheet(flows(total=0, matching=0), Query()).if_empty == "no flows now"
    assert sheet(flows(total=0, matching=0), Query(filter="x")).if_empty == "no flows now"
    assert sheet(flows(total=4, matching=0), Query(filter="x")).if_empty == "no flow matches"


def test_the_query_is_what_the_server_takes() -> None:
    assert Query().parameters() == {"flows_sort": "-age", "flows_limit": "100"}
    assert Query("key", "a&b").parameters() == {"flows_sort": "key", "flows_limit": "100", "flows_filter": "a&b"}


def test_one_key_goes_through_all_columns_and_another_turns_the_order() -> None:
    query, seen = Query(), []
    for _ in ORDERS:
        seen.append(query.sort)
        query = query.next_column()
    assert (tuple(seen), query) == (ORDERS, Query())
    assert Query("-age").reversed() == Query("age")
    assert Query("age", "x").reversed() == Query("-age", "x")
    assert Query("age").next_column() == Query("-rate")


def test_every_column_that_is_shown_can_be_sorted_by() -> None:
    assert {column.name for column in COLUMNS} <= {order.removeprefix("-") for order in ORDERS}
