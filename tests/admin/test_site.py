"""The admin pages over a real socket."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import aiohttp
import pytest

from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import Thresholds
from s3edge.server.sockets import address_of, listen_alone
from s3edge.telemetry.meter import Meter, Snapshot
from tests.support.observed import QuietEdge

Get = Callable[..., Coroutine[None, None, tuple[int, str, str]]]


class Observed(QuietEdge):
    """An s3edge with one node and one connection."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__()
        self._reason = reason

    def nodes(self) -> Iterable[NodeStatus]:
        now = asyncio.get_running_loop().time()
        return [NodeStatus("n1:9000", "http://n1:9000", "c", Probed(Thresholds(2, 3)), now)]

    async def snapshot(self) -> Snapshot:
        meter = Meter()
        meter.connections_accepted = 1
        return meter.snapshot()

    def configuration(self) -> dict[str, Any]:
        return {"state": "applied"}

    def why_not_ready(self) -> str | None:
        return self._reason


def beside_site(observed: Observed, scenario: Callable[[Get], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a function that gets a page: status, content type, text."""

    async def main() -> None:
        site, sock = AdminSite(observed), listen_alone(Address("127.0.0.1", 0))
        base = f"http://{address_of(sock)}"

        async def get(path: str, **headers: str) -> tuple[int, str, str]:
            async with aiohttp.ClientSession() as session, session.get(base + path, headers=headers) as answer:
                return answer.status, answer.headers["Content-Type"], await answer.text()

        await site.start(sock)
        try:
            await scenario(get)
        finally:
            await site.close()

    asyncio.run(main())


def test_ready_and_healthy_answer_200() -> None:
    async def scenario(get: Get) -> None:
        assert (await get("/-/ready"))[::2] == (200, "ready\n")
        assert (await get("/-/healthy"))[::2] == (200, "healthy\n")

    beside_site(Observed(), scenario)


def test_not_ready_answers_503_with_the_reason_and_stays_healthy() -> None:
    async def scenario(get: Get) -> None:
        assert (await get("/-/ready"))[::2] == (503, "not ready: draining\n")
        assert (await get("/-/healthy"))[0] == 200

    beside_site(Observed("draining"), scenario)


@pytest.mark.parametrize(
    "accept,expected",
    [("", "text/plain"), ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text")],
)
def test_metrics_come_in_the_form_that_was_asked_for(accept: str, expected: str) -> None:
    async def scenario(get: Get) -> None:
        status, content_type, text = await get("/metrics", Accept=accept)
        assert status == 200
        assert content_type.startswith(expected)
        assert "s3edge_connections_total 1.0\n" in text

    beside_site(Observed(), scenario)


def test_nodes_come_as_json() -> None:
    async def scenario(get: Get) -> None:
        status, content_type, text = await get("/api/v1/nodes")
        assert (status, content_type) == (200, "application/json; charset=utf-8")
        assert '"name": "n1:9000"' in text

    beside_site(Observed(), scenario)


def test_other_pages_do_not_exist() -> None:
    async def scenario(get: Get) -> None:
        assert (await get("/nothing"))[0] == 404

    beside_site(Observed(), scenario)
