"""Traces of a real s3edge: what a collector gets, also at the end, and that one which is away or hangs harms nobody."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3edge import __version__
from tests.support.collector import Collector, attributes, collecting
from tests.support.node import Node, Script, answers, ok
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
MARKED = GET[:-2] + f"traceparent: 00-{TRACE}-{SPAN}-01\r\n\r\n".encode()
NODE: Script = answers(*[ok(b"x" * 100)] * 1000)


@pytest.fixture
def socket_of_node() -> Iterator[NodeSocket]:
    sock = NodeSocket()
    yield sock
    sock.close()


async def ended(edge: Service, seconds: float) -> int:
    """The exit code, once there is one."""
    return await asyncio.to_thread(edge.child.process.wait, limit(seconds))


async def ask(edge: Service, request: bytes, times: int = 1) -> None:
    async with edge.dial() as client:
        for _ in range(times):
            await client.send(request)
            assert (await client.read_response()).body == b"x" * 100


async def counted(edge: Service, collector: Collector) -> dict[str, float]:
    """The spans by what became of them, once the collector has been asked at least once."""
    async with asyncio.timeout(limit(2)):
        while not collector.exports:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    return {
        outcome: await edge.metric(f's3edge_spans_total{{outcome="{outcome}"}}')
        for outcome in ("exported", "failed", "dropped")
    }


def test_the_end_of_a_worker_sends_its_last_spans(tmp_path: Path, socket_of_node: NodeSocket) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(NODE)), collecting() as collector:
            tracing = {"endpoint": collector.url, "sample": "0%"}
            with service(tmp_path, f"http://{LOCAL}:{socket_of_node.port}", tracing=tracing) as edge:
                await ask(edge, GET)
                await ask(edge, MARKED)
                edge.child.process.send_signal(signal.SIGTERM)
                assert await ended(edge, 2) == 0
            # A body that took a tick of the clock has a third one.
            own, attempt = collector.spans[:2]
            assert (own.trace_id.hex(), own.parent_span_id.hex()) == (TRACE, SPAN)
            assert (attempt.trace_id, attempt.parent_span_id) == (own.trace_id, own.span_id)
            assert (own.name, attributes(own)["http.response.status_code"]) == ("GetObject", 200)
            assert attributes(attempt)["server.port"] == socket_of_node.port
            assert 0 <= own.end_time_unix_nano - own.start_time_unix_nano < limit(1) * 1e9
            assert collector.resource["service.name"] == "s3edge"
            assert collector.resource["service.version"] == __version__
            assert collector.resource["s3edge.worker"] == 0
            assert str(collector.resource["service.instance.id"]).endswith(f"-{edge.port}")

    asyncio.run(main())
    assert "traces:" not in (tmp_path / "s3edge.log").read_text()


def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_end(
    tmp_path: Path, socket_of_node: NodeSocket
) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(NODE)), collecting() as collector:
            collector.hang()
            tracing = {"endpoint": collector.url, "sample": "100%"}
            with service(tmp_path, f"http://{LOCAL}:{socket_of_node.port}", tracing=tracing) as edge:
                await ask(edge, GET, times=100)
                assert await counted(edge, collector) == {"exported": 0, "failed": 0, "dropped": 0}
                edge.child.process.send_signal(signal.SIGTERM)
                assert await ended(edge, 0.5) == 0, "neither the 10 s of an export are waited for nor the SDK's 30 s"

    asyncio.run(main())
    log = (tmp_path / "s3edge.log").read_text()
    left = re.search(r"traces: (\d+) spans were left when the worker ended", log)
    assert left is not None
    assert 200 <= int(left[1]) <= 300, "two for each request, and a third for a body that took a tick of the clock"
    assert "Traceback" not in log


def test_a_collector_that_is_away_costs_its_spans_and_a_line_in_the_log(
    tmp_path: Path, socket_of_node: NodeSocket
) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(NODE)):
            async with collecting() as gone:
                tracing = {"endpoint": gone.url, "sample": "100%"}
            with service(tmp_path, f"http://{LOCAL}:{socket_of_node.port}", tracing=tracing) as edge:
                await ask(edge, GET, times=100)
                async with asyncio.timeout(limit(2)):
                    while "traces:" not in (tmp_path / "s3edge.log").read_text():  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                await ask(edge, GET, times=100)
                edge.child.process.send_signal(signal.SIGTERM)
                assert await ended(edge, 0.5) == 0

    asyncio.run(main())
    log = (tmp_path / "s3edge.log").read_text()
    assert log.count("traces: Transient error") == 1
    assert log.count("spans were left when the worker ended") == 1
    assert "Traceback" not in log


def test_a_collector_that_refuses_is_named_in_the_log_with_the_reason(
    tmp_path: Path, socket_of_node: NodeSocket
) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(NODE)), collecting() as collector:
            collector.status = 401
            tracing = {"endpoint": collector.url, "sample": "100%"}
            with service(tmp_path, f"http://{LOCAL}:{socket_of_node.port}", tracing=tracing) as edge:
                await ask(edge, GET, times=3)
                await counted(edge, collector)
                assert await edge.metric('s3edge_spans_total{outcome="failed"}') >= 6

    asyncio.run(main())
    assert (
        "traces: Failed to export spans batch code: 401, reason: Unauthorized" in (tmp_path / "s3edge.log").read_text()
    )
