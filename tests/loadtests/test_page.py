from typing import Any

import pytest

from loadtests.page import judge, while_looking
from loadtests.page_viewer import Stream
from loadtests.report import Verdict

SEEN = {
    "seconds": 10.0,
    "bytes": 10 * 100 * 1024,
    "heap": 5 * 1024 * 1024,
    "busy": 0.5,
    "summary": "100 of 9,998 running",
    "ended": 2,
    "began_ms": 1000.0,
    "painted_ms": 300.0,
    "rows": 700.0,
    "tasks": [[500.0, 900.0], [1500.0, 60.0], [3000.0, 90.0], [11_000.0, 800.0]],
    "interactions": [16, 40],
    "scroll_ms": 50.0,
    "sort_ms": 200.0,
    "filter_ms": 400.0,
    "faults": [],
}
"""A page that is usable: its two longest tasks were before and after it was looked at."""


def missed(**changes: Any) -> list[str]:
    return [one.question for one in judge({**SEEN, **changes}, 10_000) if one.verdict is Verdict.MISSED]


def test_a_page_that_is_usable_misses_nothing() -> None:
    assert missed() == []


def test_only_tasks_while_the_page_was_looked_at_count() -> None:
    assert while_looking(SEEN, "tasks") == [60.0, 90.0]
    assert while_looking({**SEEN, "tasks": []}, "tasks") == []


@pytest.mark.parametrize(
    "changes, question",
    [
        ({"summary": "100 of 9,997 running"}, "flows that the page does not know of, if any: 1"),
        ({"bytes": 2_100_000}, "bytes to the page"),
        ({"painted_ms": 1001.0}, "first paint"),
        ({"rows": 1001.0}, "rows are seen"),
        ({"tasks": [[2000.0, 201.0]]}, "longest task while looking"),
        ({"tasks": [[1000.0 + 100 * n, 60.0] for n in range(17)]}, "time in long tasks while looking"),
        ({"busy": 1.01}, "processor time while looking"),
        ({"scroll_ms": 201.0}, "longest time without a new picture while scrolling"),
        ({"interactions": [208]}, "longest click or key until it was painted"),
        ({"sort_ms": 1001.0}, "from a click on a column to sorted rows"),
        ({"filter_ms": 1001.0}, "from the last key of a filter to what matches"),
        ({"heap": 33 * 1024 * 1024}, "JavaScript heap after 10 s"),
        ({"faults": ["TypeError"]}, "errors and warnings on the console"),
    ],
)
def test_each_figure_has_its_limit(changes: dict[str, Any], question: str) -> None:
    assert missed(**changes) == [question]


def test_only_bytes_of_the_live_view_count() -> None:
    stream = Stream()
    for number, url in (("1", "http://h/api/v1/live?flows_sort=-age"), ("2", "http://h/api/v1/events")):
        stream.asked({"requestId": number, "request": {"url": url}})
        stream.received({"requestId": number, "dataLength": 100, "encodedDataLength": 0})
    assert stream.size == 100
