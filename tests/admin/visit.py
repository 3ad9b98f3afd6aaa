"""Requests to an admin server, over a real socket."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

from s3edge.admin.site import AdminSite, Observed
from s3edge.config.address import Address
from s3edge.server.sockets import address_of, listen_alone
from tests.support.observed import QuietEdge

# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back; `text` is None where only the head was read, as of a stream."""

    status: int
    headers: dict[str, str]
    text: str | None


class Visitor:
    """Sends requests to one admin server."""

    def __init__(self, site: AdminSite, address: Address) -> None:
        self.site = site
        self.address = address

    async def ask(self, method: str, path: str, *, is_head_only: bool = False, **request: Any) -> Answer:
        """The answer to one request on a connection of its own; `request` is what aiohttp takes."""
        url = f"http://{self.address}{path}"
        async with aiohttp.ClientSession() as http, http.request(method, url, **request) as answer:
            text = None if is_head_only else await answer.text()
            return Answer(answer.status, dict(answer.headers), text)

    async def send(self, data: bytes) -> bytes:
        """All that comes back for these bytes, until the server closes."""
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()


def visited(observed: Observed, scenario: Callable[[Visitor], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a visitor of an s3edge."""

    async def main() -> None:
        site, sock = AdminSite(observed), listen_alone(Address("127.0.0.1", 0))
        address = address_of(sock)
        await site.start(sock)
        try:
            async with asyncio.timeout(LIMIT):
                await scenario(Visitor(site, address))
        finally:
            await site.close()

    asyncio.run(main())


def routes() -> list[tuple[str, str]]:
    """Method and path of all that an admin server answers, as its own router has them."""
    router = AdminSite(QuietEdge())._runner.app.router
    return sorted({(route.method, route.resource.canonical) for route in router.routes() if route.resource is not None})


def example(path: str) -> str:
    """A path that such a route is for; in the folder of the page's files, one that is not there."""
    filled = re.sub(r"\{(\w+)[^}]*\}", lambda match: "10.0.0.7" if match[1] == "address" else "default", path)
    return f"{filled}/nothing" if filled == "/static" else filled
