"""Drains by HTTP, over a real socket."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import aiohttp
import pytest

from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import Thresholds
from s3edge.server.sockets import address_of, listen_alone
from tests.support.observed import AUTHORIZED, QuietEdge

Ask = Callable[..., Coroutine[None, None, tuple[int, str]]]
NAMES = ("n1:9000", "[fd00::1]:9000")


class Drainable(QuietEdge):
    """An s3edge with two nodes, and all that it was told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, bool]] = []
        self._nodes = {name: NodeStatus(name, f"http://{name}", "c", Probed(Thresholds(2, 3)), 0.0) for name in NAMES}

    def nodes(self) -> Iterable[NodeStatus]:
        return self._nodes.values()

    def set_drained(self, name: str, is_drained: bool) -> NodeStatus | None:
        self.told.append((name, is_drained))
        node = self._nodes.get(name)
        if node is not None:
            node.set_drained(is_drained, 0.0)
        return node


def with_site(edge: Drainable, scenario: Callable[[Ask], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a function that sends a request: status and text."""

    async def main() -> None:
        site, sock = AdminSite(edge), listen_alone(Address("127.0.0.1", 0))
        base = f"http://{address_of(sock)}"

        async def ask(method: str, path: str, **headers: str) -> tuple[int, str]:
            async with aiohttp.ClientSession() as session:
                fields = {name: value.format(host=str(address_of(sock))) for name, value in headers.items()}
                async with session.request(method, base + path, headers=AUTHORIZED | fields) as answer:
                    return answer.status, await answer.text()

        await site.start(sock)
        try:
            await scenario(ask)
        finally:
            await site.close()

    asyncio.run(main())


@pytest.mark.parametrize("path,name", [("n1:9000", "n1:9000"), ("n1%3A9000", "n1:9000"), ("[fd00::1]:9000", NAMES[1])])
def test_a_drain_answers_with_the_node_as_it_is_then_and_may_be_repeated(path: str, name: str) -> None:
    async def scenario(ask: Ask) -> None:
        for action, state in (
            ("drain", "drained"),
            ("drain", "drained"),
            ("undrain", "unknown"),
            ("undrain", "unknown"),
        ):
            status, text = await ask("POST", f"/api/v1/nodes/{path}/{action}")
            shown: dict[str, Any] = json.loads(text)
            assert (status, shown["name"], shown["state"]) == (200, name, state)

    edge = Drainable()
    with_site(edge, scenario)
    assert edge.told == [(name, True), (name, True), (name, False), (name, False)]


@pytest.mark.parametrize(
    "name,error",
    [
        ("n1:9001", "no node is named 'n1:9001'; did you mean n1:9000?"),
        ("zebra", "no node is named 'zebra'; nodes: n1:9000, [fd00::1]:9000"),
    ],
)
def test_a_node_that_does_not_exist_is_404_with_those_that_do(name: str, error: str) -> None:
    async def scenario(ask: Ask) -> None:
        status, text = await ask("POST", f"/api/v1/nodes/{name}/drain")
        assert (status, json.loads(text)) == (404, {"error": error})

    with_site(Drainable(), scenario)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1", "http://{host}.evil.example", "http://["]
)
def test_a_page_of_another_site_cannot_drain_a_node_through_a_browser(origin: str) -> None:
    async def scenario(ask: Ask) -> None:
        status, text = await ask("POST", "/api/v1/nodes/n1:9000/drain", Origin=origin)
        assert status == 403
        assert "may not do this here" in text

    edge = Drainable()
    with_site(edge, scenario)
    assert edge.told == []


@pytest.mark.parametrize("origin", ["http://{host}", "https://{host}"])
def test_a_page_of_this_host_can(origin: str) -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask("POST", "/api/v1/nodes/n1:9000/drain", Origin=origin))[0] == 200

    with_site(Drainable(), scenario)


def test_looking_at_the_path_of_a_drain_does_nothing() -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask("GET", "/api/v1/nodes/n1:9000/drain"))[0] == 405

    edge = Drainable()
    with_site(edge, scenario)
    assert edge.told == []
