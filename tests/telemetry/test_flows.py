"""Which rows of the flows an operator gets, and in what order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.telemetry.flows import (
    MOST_FILTER,
    MOST_KEY,
    MOST_ROWS,
    BadQueryError,
    Best,
    Column,
    Flow,
    FlowState,
    Found,
    Query,
    described,
    read_query,
    rounded,
    shortened,
)

FLOW = Flow(
    number=7,
    tenant="rag",
    client="10.0.0.7",
    operation="GetObject",
    kind="read",
    bucket="datasets",
    key="train/0001.tar",
    node="minio1:9000",
    state=FlowState.SENDING,
    sent=1_048_576,
    received=0,
    size=4_194_304,
    rate=123_456.789,
    age=8.51234,
    resumes=1,
)


def found(*flows: Flow, further: int = 0) -> Found:
    """The answer of a worker that has these flows and some that were not asked for."""
    return Found(len(flows) + further, len(flows), flows)


def ids(query: Query, answers: dict[int, Found]) -> list[str]:
    return [flow["id"] for flow in described(query, answers)["flows"]]


def test_without_parameters_the_hundred_oldest_flows_are_asked_for() -> None:
    assert read_query({}) == Query(Column.AGE, is_descending=True, filter="", limit=100)


@pytest.mark.parametrize("column", Column)
def test_every_column_sorts_both_ways(column: Column) -> None:
    assert read_query({"sort": column}) == Query(column, is_descending=False)
    assert read_query({"sort": f"-{column}"}) == Query(column, is_descending=True)


def test_parameters_may_have_a_prefix_and_the_filter_is_caseless() -> None:
    given = {"flows_sort": "-rate", "flows_filter": "Train/STRASSE", "flows_limit": "500"}
    assert read_query(given, "flows_") == Query(Column.RATE, filter="train/strasse", limit=500)


@pytest.mark.parametrize(
    "given,error",
    [
        (
            {"sort": "-speed"},
            'sort: found "-speed"; allowed: age, rate, sent, received, size, resumes, tenant, client, operation, key, '
            'node, state; "-" before it for descending',
        ),
        ({"sort": ""}, 'sort: found ""; allowed: age, '),
        ({"sort": "--age"}, 'sort: found "--age"; allowed: age, '),
        ({"limit": "0"}, 'limit: found "0"; allowed: a whole number from 1 to 500'),
        ({"limit": str(MOST_ROWS + 1)}, 'limit: found "501"; allowed: a whole number from 1 to 500'),
        ({"limit": "9" * 5000}, 'limit: found "999'),
        ({"limit": "-1"}, 'limit: found "-1"; '),
        ({"limit": "٣"}, 'limit: found "٣"; '),
        ({"filter": "x" * (MOST_FILTER + 1)}, "filter: found 1025 characters; allowed: up to 1024"),
        ({"filters": "x"}, '"filters" is not known here; did you mean filter?'),
        ({"colour": "red"}, '"colour" is not known here; allowed: sort, filter, limit'),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_is_allowed(given: dict[str, str], error: str) -> None:
    with pytest.raises(BadQueryError) as refused:
        read_query(given)
    assert str(refused.value).startswith(error)


def test_a_flow_is_shown_in_full() -> None:
    assert described(Query(), {3: found(FLOW, further=2)}) == {
        "total": 3,
        "matching": 1,
        "flows": [
            {
                "id": "3-7",
                "worker": 3,
                "tenant": "rag",
                "client": "10.0.0.7",
                "operation": "GetObject",
                "class": "read",
                "bucket": "datasets",
                "key": "train/0001.tar",
                "node": "minio1:9000",
                "state": "sending",
                "sent": 1_048_576,
                "received": 0,
                "size": 4_194_304,
                "rate": 123_500.0,
                "age": 8.512,
                "resumes": 1,
            }
        ],
    }


def test_a_flow_that_has_no_node_and_no_size_says_so() -> None:
    [shown] = described(Query(), {0: found(replace(FLOW, node="", size=None))})["flows"]
    assert (shown["node"], shown["size"]) == (None, None)


def test_the_flows_of_all_workers_are_sorted_together_and_counted_together() -> None:
    slow, fast, middle = (replace(FLOW, rate=rate) for rate in (1.0, 3.0, 2.0))
    answers = {0: found(fast, slow), 1: found(middle, further=40)}
    query = Query(Column.RATE, limit=2)
    shown = described(query, answers)
    assert [flow["rate"] for flow in shown["flows"]] == [3.0, 2.0]
    assert (shown["total"], shown["matching"]) == (43, 3)
    assert [flow["rate"] for flow in described(replace(query, is_descending=False), answers)["flows"]] == [1.0, 2.0]


def test_of_equal_flows_the_oldest_comes_first_whichever_way_they_are_sorted() -> None:
    old, young = replace(FLOW, number=1, age=9.0), replace(FLOW, number=2, age=1.0)
    answers = {0: found(young), 1: found(old)}
    assert ids(Query(Column.RESUMES), answers) == ids(Query(Column.RESUMES, False), answers) == ["1-1", "0-2"]


def test_a_flow_of_unknown_size_or_node_comes_before_all_others() -> None:
    flows = (replace(FLOW, number=1), replace(FLOW, number=2, size=None, node=""), replace(FLOW, number=3, size=0))
    assert ids(Query(Column.SIZE, False), {0: found(*flows)}) == ["0-2", "0-3", "0-1"]
    assert ids(Query(Column.NODE, False), {0: found(*flows)})[0] == "0-2"


def test_keys_are_sorted_within_their_buckets() -> None:
    flows = (replace(FLOW, number=1, bucket="b", key="a"), replace(FLOW, number=2, bucket="a", key="b"))
    assert ids(Query(Column.KEY, False), {0: found(*flows)}) == ["0-2", "0-1"]


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 5), st.integers()), max_size=8), max_size=6),
    st.booleans(),
    st.integers(1, 10),
)
def test_the_best_of_what_is_offered_piece_by_piece_is_the_best_of_all(
    pieces: list[list[tuple[int, float, int]]], is_descending: bool, limit: int
) -> None:
    best: Best[int] = Best(Query(is_descending=is_descending, limit=limit))
    for piece in pieces:
        best.offer(piece)
    sign = -1 if is_descending else 1
    everything = sorted((item for piece in pieces for item in piece), key=lambda item: (sign * item[0], item[1]))
    assert best.items == [item for _, _, item in everything[:limit]]


def test_a_long_key_keeps_its_beginning_and_its_end() -> None:
    key = "a" * 600 + "/" + "b" * 423
    assert len(shortened(key)) == MOST_KEY
    assert shortened(key) == "a" * 127 + "…" + "b" * 128
    assert shortened("k" * MOST_KEY) == "k" * MOST_KEY


def test_a_key_that_is_not_utf_8_is_shown_escaped() -> None:
    assert shortened("caf\u00e9\udcff") == "caf\u00e9\\udcff"


@pytest.mark.parametrize(
    "number,text", [(0.0, 0.0), (0.000123456, 0.0001235), (9.99951, 10.0), (123456789.0, 123500000.0)]
)
def test_numbers_have_four_significant_digits(number: float, text: float) -> None:
    assert rounded(number) == text
