"""Pins for the real data path in real workers, as operators give them, and what the guard then knows of the clients."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import Node, NodeEnd, ok
from tests.support.observed import AUTHORIZED, TOKEN
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

RATE = 10.0


def get(tenant: str) -> bytes:
    credential = f"AK-{tenant}/20250101/us-east-1/s3/aws4_request"
    claim = f"Authorization: AWS4-HMAC-SHA256 Credential={credential}"
    return f"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n{claim}\r\n\r\n".encode()


async def api(edge: Service, method: str, path: str) -> Any:
    def ask() -> Any:
        url = f"http://{LOCAL}:{edge.admin}/api/v1/{path}"
        request = urllib.request.Request(url, method=method, headers=AUTHORIZED)
        with urllib.request.urlopen(request, timeout=limit(1)) as answer:
            return json.load(answer)

    return await asyncio.to_thread(ask)


async def is_told(edge: Service, event: str) -> None:
    """Return when an event of this kind was told."""
    async with asyncio.timeout(limit(2)):
        while all(each["event"] != event for each in (await api(edge, "GET", "events"))["events"]):  # noqa: ASYNC110  # as operators do
            await asyncio.sleep(0.05)


async def states(edge: Service) -> list[str | None]:
    """What the guard thinks of the tenants, in the order of the configuration; None before it has heard of one."""
    guards = [tenant["guard"] for tenant in (await api(edge, "GET", "tenants"))["tenants"]]
    return [None if guard is None else guard["state"] for guard in guards]


async def rate(edge: Service, tenant: str, seconds: float) -> float:
    """The answers per second that a client gets which asks again at once."""
    answers, began = 0, time.monotonic()
    async with edge.dial() as client:
        while time.monotonic() < began + seconds:
            await client.send(get(tenant))
            assert (await client.read_response()).status == 200
            answers += 1
    return answers / (time.monotonic() - began)


async def node(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await end.send(ok(b"body"))


def test_a_tenant_is_pinned_and_released_by_the_operator_and_the_others_notice_nothing(tmp_path: Path) -> None:
    async def main(edge: Service, sock: NodeSocket) -> None:
        async with sock.played_by(Node(node)):
            assert await rate(edge, "training", 0.5) > 10 * RATE
            await api(edge, "POST", f"tenants/training/pin?rate={RATE:g}/s")
            await is_told(edge, "SourceThrottled")
            assert await rate(edge, "training", 2) == pytest.approx(RATE, rel=0.3)
            assert await rate(edge, "rag", 0.5) > 10 * RATE
            async with asyncio.timeout(limit(2)):
                while await states(edge) != ["normal", "pinned", None]:  # noqa: ASYNC110  # as operators do
                    await asyncio.sleep(0.05)
            assert await edge.metric('s3edge_source_rate{kind="tenant",source="training"}') == RATE
            await api(edge, "POST", "tenants/training/release")
            await is_told(edge, "SourceReleased")
            assert await rate(edge, "training", 0.5) > 10 * RATE
            [client] = (await api(edge, "GET", "clients"))["clients"]
            assert (client["address"], client["guard"]["state"]) == (LOCAL, "normal")

    sock = NodeSocket()
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: p\nguard: {}\n")
    tenants = [{"name": name, "access_keys": [f"AK-{name}"]} for name in ("rag", "training")]
    sections: dict[str, Any] = {"tenants": tenants, "admin": {"token": TOKEN}}
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", policies=["policy.yaml"], **sections) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
    assert "Traceback" not in (tmp_path / "s3edge.log").read_text()
