"""The page of flows over a real socket."""

import json

from s3edge.telemetry.flows import Column, Found, Query
from tests.admin.test_site import Get, Observed, beside_site


class Asked(Observed):
    """An s3edge of two workers without flows, which remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[Query] = []

    async def flows(self, query: Query) -> dict[int, Found]:
        self.queries.append(query)
        return {0: Found(3, 0, ()), 1: Found(4, 0, ())}


def test_flows_are_asked_for_as_the_parameters_say_and_come_as_json() -> None:
    observed = Asked()

    async def scenario(get: Get) -> None:
        status, content_type, text = await get("/api/v1/flows?sort=-rate&filter=Train%2F&limit=7")
        assert (status, content_type) == (200, "application/json; charset=utf-8")
        assert json.loads(text) == {"total": 7, "matching": 0, "flows": []}
        await get("/api/v1/flows")

    beside_site(observed, scenario)
    assert observed.queries == [Query(Column.RATE, True, "train/", 7), Query()]


def test_a_question_that_has_no_answer_is_told_what_is_allowed() -> None:
    observed = Asked()

    async def scenario(get: Get) -> None:
        for path, name in (("/api/v1/flows?limit=0", "limit"), ("/api/v1/live?flows_limit=0", "flows_limit")):
            status, content_type, text = await get(path)
            assert (status, content_type) == (400, "application/json; charset=utf-8")
            assert json.loads(text) == {"error": f'{name}: found "0"; allowed: a whole number from 1 to 500'}

    beside_site(observed, scenario)
    assert observed.queries == []
