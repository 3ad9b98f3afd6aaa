import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
import uvloop

from s3edge.server.channel import LINE_LIMIT, Channel, ChannelError, open_channel
from s3edge.server.messages import (
    Ask,
    Beat,
    Counts,
    Drain,
    Failed,
    Message,
    NodeResolved,
    NodeTurned,
    Ready,
    Reload,
    Start,
)

MESSAGES: list[Message] = [
    Start(
        number=3,
        listener=7,
        settings='{"a": "line\\nbreak"}',
        facts=(NodeTurned(node="n1", is_up=False), NodeResolved(node="n1", addresses=("10.0.0.1", "fd00::1"))),
    ),
    NodeTurned(node="n1", is_up=True),
    NodeResolved(node="n1", addresses=()),
    Ask(question=1),
    Reload(),
    Drain(seconds=1.5),
    Ready(),
    Failed(reason="a\nb é"),
    Counts(part=0, columns={"s3edge_exchange_seconds": (["GetObject"], [0.0, 1.0, 0.5])}),
    Beat(lag=0.1, cpu=2.5, resident=10**7, has_counts=True),
]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Channel, socket.socket]]:
    """A channel, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    channel = await open_channel(ours)
    with theirs:
        theirs.setblocking(False)
        try:
            yield channel, theirs
        finally:
            await channel.close()


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """On the loop that production uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_every_message_arrives_as_it_was_sent(message: Message) -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            other = await open_channel(theirs.dup())
            channel.send(message)
            assert await other.receive() == message
            await other.close()

    run(scenario)


def test_messages_keep_their_order_however_the_bytes_are_cut() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with connected() as (channel, theirs):
            for byte in b'{"kind":"ready"}\n{"kind":"ask","question":2}\n':
                await loop.sock_sendall(theirs, bytes([byte]))
            assert [await channel.receive(), await channel.receive()] == [Ready(), Ask(question=2)]

    run(scenario)


@pytest.mark.parametrize("last_bytes", [b"", b'{"kind":"rea'])
def test_the_end_of_the_line_is_none_even_within_a_message(last_bytes: bytes) -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            theirs.sendall(last_bytes)
            theirs.close()
            assert await channel.receive() is None

    run(scenario)


@pytest.mark.parametrize(
    "line", [b"", b"garbage", b"{}", b'{"kind":"nonsense"}', b'{"kind":"ready","more":1}', b"\xff"]
)
def test_what_is_no_message_is_an_error(line: bytes) -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            theirs.sendall(line + b"\n")
            with pytest.raises(ChannelError, match="no message"):
                await channel.receive()

    run(scenario)


def test_a_line_without_end_is_an_error_and_not_kept() -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            flood = asyncio.create_task(
                asyncio.get_running_loop().sock_sendall(theirs, b"x" * (2 * LINE_LIMIT)), name="flood"
            )
            with pytest.raises(ChannelError, match="longer than"):
                await channel.receive()
            flood.cancel()
            await asyncio.wait([flood])

    run(scenario)


def test_a_stopped_other_end_is_seen_as_a_backlog() -> None:
    async def scenario() -> None:
        async with connected() as (channel, _):
            assert not channel.is_backlogged
            channel.send(Failed(reason="x" * 4_000_000))
            assert channel.is_backlogged

    run(scenario)


def test_sending_to_an_end_that_is_gone_does_nothing() -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            theirs.close()
            assert await channel.receive() is None
            for _ in range(10):
                channel.send(Ready())
                await asyncio.sleep(0)

    run(scenario)


def test_what_was_sent_before_closing_still_arrives() -> None:
    async def scenario() -> None:
        async with connected() as (channel, theirs):
            other = await open_channel(theirs.dup())
            reading = asyncio.create_task(other.receive(), name="read")
            channel.send(Failed(reason="x" * 4_000_000))
            await channel.close()
            message = await reading
            assert isinstance(message, Failed)
            assert len(message.reason) == 4_000_000
            await other.close()

    run(scenario)


def test_closing_does_not_wait_for_ever_for_an_end_that_takes_nothing() -> None:
    async def scenario() -> None:
        async with connected() as (channel, _):
            channel.send(Failed(reason="x" * 4_000_000))
            async with asyncio.timeout(5):
                await channel.close()

    run(scenario)
