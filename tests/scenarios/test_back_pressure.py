"""Whatever the object's size and however slow one side, the edge holds at most 1 MiB of a flow."""

import asyncio

import pytest

from tests.scenarios.scene import GET, now, put, scene
from tests.support.memory import Link
from tests.support.node import NodeEnd, ok
from tests.support.virtual_time import run

SIZE = 64 * 1024 * 1024
BODY = bytes(SIZE)
CHUNKED_BODY = (b"%x\r\n" % 65_536 + bytes(65_536) + b"\r\n") * (SIZE // 65_536) + b"0\r\n\r\n"
HEADS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\n",
}
MOST_HELD = 1024 * 1024
# Both connections have bytes under way, which stand for the socket buffers.
UNDER_WAY = 2 * Link().capacity


@pytest.mark.parametrize("framing", HEADS)
def test_a_slow_client_slows_its_node(framing: str) -> None:
    message = HEADS[framing] + (CHUNKED_BODY if framing == "chunked" else BODY)

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(message)
        if framing == "until close":
            end.transport.close()
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            for _ in range(20):
                client.pause()
                await asyncio.sleep(1)
                left = len(message) - stage.node.connections[0].transport.get_write_buffer_size()
                assert left - len(client.received) - UNDER_WAY <= MOST_HELD
                client.resume()
                await asyncio.sleep(0)
            received = (
                await client.read_to_end() if framing == "until close" else await client.read_exactly(len(message))
            )
            assert received.replace(b"Connection: close\r\n", b"") == message
            assert (now(), client.error) == (20, None)

    run(main())


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_slow_node_slows_its_client(is_chunked: bool) -> None:
    head = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = CHUNKED_BODY if is_chunked else BODY
    message = head + body if is_chunked else put(body)

    async def node(end: NodeEnd) -> None:
        await end.read_head()
        end.pause()
        await asyncio.sleep(20)
        end.resume()
        assert await end.read_exactly(len(body)) == body
        await end.send(ok())

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            client.transport.write(message)
            for _ in range(19):
                await asyncio.sleep(1)
                left = len(message) - client.transport.get_write_buffer_size()
                assert left - len(stage.node.received) - UNDER_WAY <= MOST_HELD
            assert (await client.read_response("PUT")).status == 200
            assert now() == 20

    run(main())


def test_the_slower_link_sets_the_pace() -> None:
    """4 MiB over a link of 1 MiB/s take four seconds, and the object is never there as a whole."""

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(ok(BODY[: 4 << 20]))
        await end.lost()

    async def main() -> None:
        async with scene(node, link=Link(bandwidth=1 << 20)) as stage, stage.dial() as client:
            await client.send(GET)
            assert len((await client.read_response()).body) == 4 << 20
            assert 4 <= now() < 4.5

    run(main())


def test_a_flow_that_waits_does_not_hold_up_another() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(BODY[: 4 << 20]))

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as slow:
            slow.pause()
            await slow.send(GET)
            await asyncio.sleep(1)
            _, body = await stage.ask()
            assert (len(body), now()) == (4 << 20, 1)
            slow.resume()
            assert len((await slow.read_response()).body) == 4 << 20

    run(main())
