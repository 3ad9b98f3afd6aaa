"""New limits for the real data path in real workers: under load, and for a body that the kernel moves."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.support.node import Node, NodeEnd, ok
from tests.wire.service import NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

MIB = 1 << 20
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
BODY = bytes(256 * 1024)
RELOADS = 20
CLIENTS = 6


def write_limit(folder: Path, bandwidth: str) -> None:
    """The policy file, replaced in one step as careful tools do."""
    new = folder / "policy.new"
    new.write_text(f"policy: p\nlimits: {{requests: 10000/s, bandwidth: {bandwidth}}}\n")
    new.rename(folder / "policy.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_limit(tmp_path, "1GiB/s")
    return tmp_path


async def is_in_force(edge: Service, count: int) -> None:
    """Return when so many configurations have been applied."""
    async with asyncio.timeout(limit(2)):
        while await edge.metric('s3edge_config_reloads_total{outcome="applied"}') < count:  # noqa: ASYNC110  # as operators do
            await asyncio.sleep(0.02)


def test_no_request_fails_through_twenty_reloads(folder: Path) -> None:
    async def node(end: NodeEnd) -> None:
        while True:
            await end.read_request()
            await end.send(ok(BODY))

    async def client(edge: Service, is_over: asyncio.Event) -> int:
        answers = 0
        async with edge.dial() as client:
            while not is_over.is_set():
                await client.send(GET)
                response = await client.read_response()
                assert (response.status, response.body) == (200, BODY)
                answers += 1
        return answers

    async def main(edge: Service, sock: NodeSocket) -> None:
        is_over = asyncio.Event()
        async with sock.played_by(Node(node)), asyncio.TaskGroup() as group:
            clients = [group.create_task(client(edge, is_over), name=f"client {n}") for n in range(CLIENTS)]
            for number in range(1, RELOADS + 1):
                write_limit(folder, f"{1000 + number}MiB/s")
                if number % 2:
                    edge.child.process.send_signal(signal.SIGHUP)
                await is_in_force(edge, number)
            is_over.set()
        assert min(each.result() for each in clients) > RELOADS
        assert await edge.metric("s3edge_exchanges_total") == sum(each.result() for each in clients)

    sock = NodeSocket()
    with service(folder, f"http://127.0.0.1:{sock.port}", policies=["policy.yaml"]) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
    assert "Traceback" not in (folder / "s3edge.log").read_text()


def test_a_body_that_the_kernel_moves_follows_a_new_limit_within_a_second(folder: Path) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        while True:
            await end.send(BODY)

    async def main(edge: Service, sock: NodeSocket) -> None:
        async with sock.played_by(Node(node)), edge.dial() as client:
            await client.send(GET)

            async def rate(seconds: float) -> float:
                """The mean rate at which the body comes, in MiB/s."""
                size, began = 0, time.monotonic()
                while time.monotonic() < began + seconds:
                    size += len(await client.read_some())
                    client.received.clear()
                    client.taken = 0
                return size / MIB / (time.monotonic() - began)

            assert await rate(0.5) > 40
            for bandwidth in (4, 16):
                write_limit(folder, f"{bandwidth}MiB/s")
                await rate(1)
                assert await rate(1) == pytest.approx(bandwidth, rel=0.4)  # a busy machine catches up
            write_limit(folder, "2GiB/s")
            await rate(1)
            assert await rate(0.5) > 40
        assert await edge.metric("s3edge_spliced_bytes_total") > 100 * MIB

    sock = NodeSocket()
    with service(folder, f"http://127.0.0.1:{sock.port}", policies=["policy.yaml"]) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
