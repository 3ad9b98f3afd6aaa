"""Relays: bodies carried through this process, at the sink's pace and within bounds, ended on every path."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.body import Body, ChunkedBody, LengthBody, UntilCloseBody
from s3edge.transport.connection import WRITE_BUFFER
from s3edge.transport.transfer import Relay, StalledError
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import HEAD_LIMIT, LineConnection, line, memory_ends, surroundings
from tests.transport.relaying import KIB, LIMIT, announced, relay


@pytest.mark.parametrize("size", [0, 1, 1000, 64 * KIB, 64 * KIB + 1, 300 * KIB, 1024 * KIB])
@pytest.mark.parametrize("along", [0, 1, 64 * KIB])
def test_a_body_arrives_behind_its_head_whole_and_nothing_more(size: int, along: int) -> None:
    body = bytes(range(256)) * 4096
    rest = b"the next message"

    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, size, body[: min(size, along)])
        transfer = relay(ends, LengthBody(size))
        transfer.start(b"HEAD")
        await ends.sender.send(body[min(size, along) : size] + rest)
        await transfer.finished()
        assert transfer.moved == size
        assert ends.are_clean
        assert ends.source.transport.is_reading()
        await asyncio.sleep(1)
        assert ends.source.unread == rest
        assert ends.reader.received == b"HEAD" + body[:size]

    run(main())


@pytest.mark.parametrize("coded, body", [(b"hello", LengthBody(5)), (b"1\r\n!\r\n0\r\n\r\n", ChunkedBody())])
def test_what_came_along_behind_a_whole_body_stays_with_the_source(coded: bytes, body: Body) -> None:
    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, -1, coded + line(0, "next"))
        transfer = relay(ends, body)
        transfer.start(b"HEAD")
        assert transfer.is_done
        assert (await ends.source.head()).raw == line(0, "next")
        await asyncio.sleep(1)
        assert ends.reader.received == b"HEAD" + coded

    run(main())


CHUNKED = b"5;x=y\r\nhello\r\n1\r\n!\r\n000\r\nTrailer: kept\r\n\r\n"


@pytest.mark.parametrize("piece", [len(CHUNKED), 7, 1])
@pytest.mark.parametrize("along", [0, 3, len(CHUNKED)])
def test_a_chunked_body_keeps_its_chunks_extensions_and_trailers(piece: int, along: int) -> None:
    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, -1, CHUNKED[:along])
        transfer = relay(ends, ChunkedBody())
        transfer.start(b"HEAD")
        await ends.sender.send(CHUNKED[along:] + b"next", piece=piece)
        await transfer.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == b"HEAD" + CHUNKED
        assert ends.source.unread == b"next"

    run(main())


def test_a_body_until_close_ends_with_its_source() -> None:
    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, -2, b"some ")
        transfer = relay(ends, UntilCloseBody())
        transfer.start(b"HEAD ")
        await ends.sender.send(b"bytes")
        await asyncio.sleep(1)
        assert not transfer.is_done
        await ends.sender.close()
        await transfer.finished()
        assert ends.reader.received == b"HEAD some bytes"
        assert ends.are_clean

    run(main())


def test_the_owner_is_told_the_end_once() -> None:
    async def main() -> None:
        ends = await memory_ends()
        told: list[Exception | None] = []
        transfer = relay(ends, LengthBody(3))
        transfer.start(b"", told.append)
        await ends.sender.send(b"abc")
        await transfer.finished()
        ends.sender.abort()
        transfer.cancel()
        transfer.finish(StalledError())
        assert told == [None]
        assert transfer.error is None

    run(main())


# Back-pressure.


def test_a_reader_that_stands_still_holds_the_sender_and_bounds_what_is_kept() -> None:
    capacity, piece = 100_000, 40_000

    async def main() -> None:
        ends = await memory_ends(Link(capacity=capacity, piece=piece), Link(capacity=capacity, piece=piece))
        transfer = relay(ends, LengthBody(10_000_000))
        ends.reader.pause()
        transfer.start(b"")
        sending = asyncio.create_task(ends.sender.send(bytes(10_000_000)), name="sender")
        await asyncio.sleep(1)
        # A read that ends above the mark pauses the sink, which holds the source before another read.
        kept = ends.sink.transport.get_write_buffer_size()
        assert WRITE_BUFFER < kept <= WRITE_BUFFER + piece
        assert transfer.moved == capacity + kept
        assert not ends.source.transport.is_reading()
        assert not sending.done()
        ends.reader.resume()
        await sending
        await transfer.finished()
        await ends.reader.read_exactly(10_000_000)

    run(main())


def test_a_sender_that_stands_still_does_not_pause_anybody() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, LengthBody(200_000))
        transfer.start(b"")
        for _ in range(20):
            await ends.sender.send(bytes(10_000))
            await asyncio.sleep(30)
        await transfer.finished()
        assert not ends.sink.is_write_paused

    run(main())


def test_a_slow_reader_gets_the_body_at_its_own_pace() -> None:
    async def main() -> float:
        ends = await memory_ends(None, Link(bandwidth=1_000_000))
        transfer = relay(ends, LengthBody(30_000_000), limit=1.0)
        transfer.start(b"")
        sending = asyncio.create_task(ends.sender.send(bytes(30_000_000)), name="sender")
        await ends.reader.read_exactly(30_000_000)
        await sending
        await transfer.finished()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(30.0)


@given(
    st.binary(min_size=1, max_size=200),
    st.integers(1, 5000),
    st.integers(1, 20_000),
    st.integers(100, 100_000),
    st.lists(st.floats(0, 2), max_size=5),
)
def test_whatever_the_paces_are_every_byte_arrives_in_order(
    pattern: bytes, repeats: int, piece: int, capacity: int, pauses: list[float]
) -> None:
    body = pattern * repeats

    async def main() -> None:
        ends = await memory_ends(Link(piece=piece), Link(capacity=capacity, piece=piece))
        transfer = relay(ends, LengthBody(len(body)))
        transfer.start(b"HEAD")
        sending = asyncio.create_task(ends.sender.send(body), name="sender")
        for pause in pauses:
            ends.reader.pause()
            await asyncio.sleep(pause)
            ends.reader.resume()
            await asyncio.sleep(0)
        await sending
        await transfer.finished()
        assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body

    run(main())


class KeepingTransport(asyncio.Transport):
    """Keeps what is written as it was given, without a copy, as uvloop does, until the test lets it leave."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes | bytearray | memoryview] = []
        self.sent = b""
        self.is_fast = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.kept.append(data)
        if self.is_fast:
            self.leave()

    def leave(self) -> None:
        self.sent += b"".join(self.kept)
        self.kept.clear()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.kept))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Never asks for a pause."""

    def is_closing(self) -> bool:
        return False


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=50), st.sampled_from(["fast", "slow", "leave"])), max_size=30))
def test_memory_that_a_slow_sink_keeps_is_never_written_to_again(reads: list[tuple[bytes, str]]) -> None:
    body = b"".join(data for data, _ in reads)

    async def main() -> bytes:
        shared = surroundings()
        source, sink = LineConnection(shared, HEAD_LIMIT), LineConnection(shared, HEAD_LIMIT)
        transport = KeepingTransport()
        sink.connection_made(transport)
        source.connection_made(KeepingTransport())
        transfer = Relay(source, sink, LengthBody(len(body) + 1), LIMIT)
        transfer.start(b"")
        for data, what in reads:
            transport.is_fast = what == "fast"
            if what != "slow":
                transport.leave()
            source.get_buffer(-1)[: len(data)] = data
            source.buffer_updated(len(data))
        transfer.cancel()
        transport.leave()
        return transport.sent

    assert run(main()) == body
