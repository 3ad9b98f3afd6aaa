"""Pins by HTTP, over a real socket."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.config.qos import Guard
from s3edge.qos.activity import Activity, Source
from s3edge.server.sockets import address_of, listen_alone
from tests.support.edge import config_for
from tests.support.observed import AUTHORIZED, TOKEN, QuietEdge

Ask = Callable[..., Coroutine[None, None, tuple[int, dict[str, Any]]]]
Told = tuple[str, str, float | None, float | None]


class Pinnable(QuietEdge):
    """An s3edge with one tenant, whose guard knows one client."""

    def __init__(self) -> None:
        super().__init__()
        tenants = [{"name": "rag", "access_keys": ["AK"]}]
        self.config = config_for(("n1", 9000), tenants=tenants, admin={"token": TOKEN})
        self.sources.runaways.feed(Source("client", "10.0.0.7"), Activity(requests=1), Guard(), 1.0)


def with_site(scenario: Callable[[Ask], Coroutine[None, None, None]]) -> list[Told]:
    """Run a scenario with a function that posts: status and JSON. What the guard was told then."""
    edge = Pinnable()

    async def main() -> None:
        site, sock = AdminSite(edge), listen_alone(Address("127.0.0.1", 0))

        async def ask(path: str, body: str = "", method: str = "POST", **headers: str) -> tuple[int, dict[str, Any]]:
            url = f"http://{address_of(sock)}/api/v1/{path}"
            headers = AUTHORIZED | headers
            async with aiohttp.ClientSession() as http, http.request(method, url, data=body, headers=headers) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text.startswith("{") else {"text": text}

        await site.start(sock)
        try:
            await scenario(ask)
        finally:
            await site.close()

    asyncio.run(main())
    return edge.sources.told


@pytest.mark.parametrize(
    "path,body",
    [
        ("tenants/rag/pin?rate=50/s&for=10m", ""),
        ("tenants/rag/pin", '{"rate": "50/s", "for": "10m"}'),
        ("tenants/rag/pin", '{"rate": 50, "for": 600}'),
        ("tenants/rag/pin?for=10m", '{"rate": "3000/m"}'),
    ],
)
def test_a_tenant_is_pinned_by_query_or_json(path: str, body: str) -> None:
    async def scenario(ask: Ask) -> None:
        assert await ask(path, body) == (200, {"tenant": "rag", "pinned_to": 50.0, "seconds": 600.0})

    assert with_site(scenario) == [("pin", "tenant rag", 50.0, 600.0)]


def test_a_pin_without_a_time_lasts_until_the_release() -> None:
    async def scenario(ask: Ask) -> None:
        assert await ask("tenants/default/pin?rate=1/s") == (
            200,
            {"tenant": "default", "pinned_to": 1.0, "seconds": None},
        )
        assert await ask("tenants/default/release") == (200, {"tenant": "default", "released": True})

    assert with_site(scenario) == [("pin", "tenant default", 1.0, None), ("release", "tenant default", None, None)]


def test_a_pin_may_free_a_source_of_the_guard() -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask("tenants/rag/pin?rate=unlimited"))[1]["pinned_to"] is None

    assert with_site(scenario) == [("pin", "tenant rag", None, None)]


@pytest.mark.parametrize(
    "path,source",
    [("clients/10.0.0.9", "client 10.0.0.9"), ("clients/FD00:0::7", "client fd00::7")],
)
def test_a_client_address_is_pinned_whether_it_was_seen_or_not(path: str, source: str) -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask(f"{path}/pin?rate=2/s"))[0] == 200

    assert with_site(scenario) == [("pin", source, 2.0, None)]


def test_a_client_that_the_guard_knows_is_released() -> None:
    async def scenario(ask: Ask) -> None:
        assert await ask("clients/10.0.0.7/release") == (200, {"client": "10.0.0.7", "released": True})

    assert with_site(scenario) == [("release", "client 10.0.0.7", None, None)]


@pytest.mark.parametrize(
    "path,error",
    [
        ("tenants/rug/pin?rate=1/s", "no tenant is named 'rug'; did you mean rag?"),
        ("tenants/x/release", "no tenant is named 'x'; tenants: rag, default"),
        ("clients/host7/pin?rate=1/s", "'host7' is no IP address, such as 10.0.0.7 or fd00::7"),
        ("clients/10.0.0.8/release", "the guard knows no client 10.0.0.8; see /api/v1/clients"),
    ],
)
def test_an_unknown_name_is_not_found_and_the_answer_helps(path: str, error: str) -> None:
    async def scenario(ask: Ask) -> None:
        assert await ask(path) == (404, {"error": error})

    assert with_site(scenario) == []


RATES = "a rate from 1/h to 1000000/s, such as 500/s, 30/m or 1000/h, or unlimited"


@pytest.mark.parametrize(
    "query,body,error",
    [
        ("", "", f"rate: found nothing; allowed: {RATES}"),
        ("?rate=fast", "", f'rate: found "fast"; allowed: {RATES}'),
        ("?rate=0/s", "", f'rate: found "0/s"; allowed: {RATES}; to take away everything is not a limit'),
        ("", '{"rate": null}', f"rate: found nothing; allowed: {RATES}"),
        ("?rate=1/s&for=soon", "", 'for: found "soon"; allowed: a duration from 1s to 24h, such as 10s, 2m or 1h'),
        ("?rate=1/s&until=9", "", '"until" is not known here; allowed: rate, for'),
        ("", "rate=1/s", 'the body is no JSON object, such as {"rate": "50/s", "for": "10m"}'),
        ("", "[1]", 'the body is no JSON object, such as {"rate": "50/s", "for": "10m"}'),
    ],
)
def test_a_pin_that_cannot_be_read_is_refused_with_what_is_allowed(query: str, body: str, error: str) -> None:
    async def scenario(ask: Ask) -> None:
        assert await ask(f"tenants/rag/pin{query}", body) == (400, {"error": error})

    assert with_site(scenario) == []


def test_a_page_of_another_site_may_not_pin() -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask("tenants/rag/pin?rate=1/s", Origin="http://elsewhere.example"))[0] == 403

    assert with_site(scenario) == []


def test_a_pin_is_no_get() -> None:
    async def scenario(ask: Ask) -> None:
        assert (await ask("tenants/rag/pin?rate=1/s", method="GET"))[0] == 405

    assert with_site(scenario) == []


def test_tenants_and_clients_come_as_json() -> None:
    async def scenario(ask: Ask) -> None:
        status, shown = await ask("tenants", method="GET")
        assert (status, [tenant["name"] for tenant in shown["tenants"]]) == (200, ["rag", "default"])
        status, shown = await ask("clients", method="GET")
        assert (status, shown["known"], shown["clients"][0]["address"]) == (200, 1, "10.0.0.7")

    assert with_site(scenario) == []


def test_an_ipv4_address_in_its_ipv6_form_is_the_client_that_limits_know() -> None:
    async def scenario(ask: Ask) -> None:
        status, shown = await ask("clients/::ffff:10.0.0.7/pin?rate=5/s")
        assert (status, shown["client"]) == (200, "10.0.0.7")

    with_site(scenario)


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json; charset=none"}], ids=["plain", "charset"])
def test_a_body_that_python_cannot_read_is_the_operators_fault(headers: dict[str, str]) -> None:
    async def scenario(ask: Ask) -> None:
        status, shown = await ask("tenants/rag/pin", "[" * 10_000, **headers)
        assert (status, "no JSON object" in shown["error"]) == (400, True)

    assert with_site(scenario) == []
