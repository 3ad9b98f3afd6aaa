"""The requests under way as `/api/v1/flows` shows them: the first ones of those that a query fits."""

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from s3edge.telemetry.flows import BadQueryError, Found, Query, described, read_query

AskFlows = Callable[[Query], Awaitable[Mapping[int, Found]]]
"""What each worker that is there answers to a query, by its number."""


class FlowsPage:
    """Answers for what `ask` finds."""

    def __init__(self, ask: AskFlows) -> None:
        self._ask = ask

    async def get(self, request: web.Request) -> web.Response:
        """The rows, and how many flows there are."""
        query = query_of(request)
        return web.json_response(described(query, await self._ask(query)))


def query_of(request: web.Request, prefix: str = "") -> Query:
    """The flows that a request asks for, by parameters with this prefix. Raises HTTPBadRequest."""
    try:
        return read_query(request.query, prefix)
    except BadQueryError as error:
        raise web.HTTPBadRequest(text=json.dumps({"error": str(error)}), content_type="application/json") from None
