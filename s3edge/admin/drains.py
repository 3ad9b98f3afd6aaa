"""The operator's drains: `POST /api/v1/nodes/NAME/drain` and `undrain`. To repeat one changes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from s3edge.config.fault import did_you_mean
from s3edge.health.status import NodeStatus

SetDrained = Callable[[str, bool], NodeStatus | None]
"""Drains the node with this name, or ends that; gives the node, or None if there is none."""

Describe = Callable[[list[NodeStatus]], Awaitable[list[dict[str, Any]]]]
"""The nodes as JSON objects."""


class Drains:
    """Answers each change with the node as it is then."""

    def __init__(self, set_drained: SetDrained, names: Callable[[], list[str]], describe: Describe) -> None:
        self._set_drained = set_drained
        self._names = names
        self._describe = describe

    async def drain(self, request: web.Request) -> web.Response:
        """Let the node take no new requests; those in flight go on."""
        return await self._set(request, is_drained=True)

    async def undrain(self, request: web.Request) -> web.Response:
        """Let the probes decide again."""
        return await self._set(request, is_drained=False)

    async def _set(self, request: web.Request, *, is_drained: bool) -> web.Response:
        name = request.match_info["name"]
        node = self._set_drained(name, is_drained)
        if node is None:
            names = self._names()
            hint = did_you_mean(name, names) or f"nodes: {', '.join(names)}"
            return web.json_response({"error": f"no node is named {name[:80]!r}; {hint}"}, status=404)
        [shown] = await self._describe([node])
        return web.json_response(shown)
