"""Rests of broken bodies: what the sink gets completes what it has, whatever the second source sends around it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.body import BadBodyError, ChunkedBody
from s3edge.http1.head import CHUNKED
from s3edge.resilience.resume import Rest
from s3edge.transport.connection import WRITE_BUFFER
from s3edge.transport.rejoin import Rejoin
from s3edge.transport.transfer import SinkGoneError, SourceEndedError, StalledError
from tests.http1.oracles import h11_chunked
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import Ends, memory_ends
from tests.transport.relaying import LIMIT, announced

LENGTH = None
"""In place of what a chunk lacks: the sink's body has a length."""


def rejoin(ends: Ends, length: int, rest: Rest, rest_of_chunk: int | None = LENGTH, patience: float = LIMIT) -> Rejoin:
    return Rejoin(ends.source, ends.sink, length, rest, rest_of_chunk, LIMIT, patience)


def in_chunks(data: bytes, size: int) -> bytes:
    """`data` in the chunked coding, `size` bytes to a chunk."""
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: dropped\r\n\r\n"


OBJECT = bytes(range(256)) * 4


@pytest.mark.parametrize("piece", [2000, 7, 1])
@pytest.mark.parametrize("along", [0, 3, 100, 5000])
@pytest.mark.parametrize("chunk", [LENGTH, 1, 100, 1024])
def test_the_start_is_skipped_and_the_rest_goes_on(piece: int, along: int, chunk: int | None) -> None:
    coded = OBJECT if chunk is LENGTH else in_chunks(OBJECT, chunk)

    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, CHUNKED, coded[:along])
        transfer = rejoin(ends, len(coded) if chunk is LENGTH else CHUNKED, Rest(skip=24, length=1000))
        transfer.start(b"")
        await ends.sender.send(coded[along:], piece=piece)
        await transfer.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == OBJECT[24:]
        assert (transfer.moved, transfer.payload, transfer.skipped) == (1000, 1000, 24)
        assert transfer.rest_of_chunk is None
        assert ends.are_clean

    run(main())


@given(
    st.binary(min_size=1, max_size=200),
    st.integers(1, 200),
    st.none() | st.integers(1, 200),
    st.integers(0, 10_000),
    st.booleans(),
    st.integers(1, 50),
)
def test_a_chunked_body_that_broke_anywhere_goes_on_to_the_same_content(
    thing: bytes, old: int, new: int | None, place: int, is_whole: bool, piece: int
) -> None:
    coded = in_chunks(thing, old)
    sent = coded[: place % len(coded)]
    broken = ChunkedBody()
    broken.take(sent)
    lacks, delivered = broken.rest_of_chunk, broken.payload
    if lacks is None or delivered == len(thing):
        return
    skip = delivered if is_whole else 0
    body = thing[delivered - skip :]

    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, len(body) if new is None else CHUNKED, Rest(skip, len(thing) - delivered), lacks)
        transfer.start(b"")
        await ends.sender.send(body if new is None else in_chunks(body, new), piece=piece)
        await transfer.finished()
        await asyncio.sleep(1)
        assert h11_chunked(sent + bytes(ends.reader.received)) == (thing, 0)

    run(main())


def test_what_stands_behind_the_body_stays_with_the_source() -> None:
    for length, coded in ((5, b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")):

        async def main(length: int = length, coded: bytes = coded) -> None:
            ends = await memory_ends()
            transfer = rejoin(ends, length, Rest(1, 4))
            transfer.start(b"")
            await ends.sender.send(coded + b"next")
            await transfer.finished()
            assert transfer.is_source_done
            assert ends.source.unread == b"next"

        run(main())


def test_the_sink_does_not_wait_for_an_end_that_only_the_source_lacks() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, CHUNKED, Rest(0, 5), rest_of_chunk=4)
        transfer.start(b"")
        await ends.sender.send(b"5\r\nhello")
        await transfer.finished()
        assert not transfer.is_source_done
        await asyncio.sleep(1)
        assert ends.reader.received == b"he\r\n3\r\nllo\r\n0\r\n\r\n"

    run(main())


def test_a_rest_that_breaks_tells_where_the_next_one_goes_on() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, 100, Rest(skip=10, length=90), rest_of_chunk=52)
        transfer.start(b"")
        await ends.sender.send(bytes(40))
        await ends.sender.close()
        with pytest.raises(SourceEndedError):
            await transfer.finished()
        assert (transfer.moved, transfer.skipped, transfer.rest_of_chunk) == (30, 10, 22)
        assert not transfer.is_source_done
        assert ends.are_clean

    run(main())


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_source_that_was_lost_before_the_start_cuts_the_rest_short(is_reset: bool) -> None:
    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, 10, b"hello")
        ends.source.go_on()
        await asyncio.sleep(1)
        ends.sender.abort() if is_reset else ends.sender.transport.close()
        await asyncio.sleep(1)
        transfer = rejoin(ends, 10, Rest(2, 8))
        transfer.start(b"")
        assert isinstance(transfer.error, SourceEndedError)
        assert transfer.moved == 3

    run(main())


# What a source must not do.


@pytest.mark.parametrize(
    "coded, rest, lacks, error, received",
    [
        pytest.param(b"5\r\nhello\r\n", Rest(0, 4), LENGTH, BadBodyError, b"", id="more than announced"),
        pytest.param(b"2\r\nhe\r\n3\r\nllo\r\n", Rest(1, 3), LENGTH, BadBodyError, b"", id="more, after a skip"),
        pytest.param(b"2\r\nhe\r\n0\r\n\r\n", Rest(0, 4), LENGTH, SourceEndedError, b"he", id="less than announced"),
        pytest.param(b"2\r\nhe\r\n0\r\n\r\n", Rest(2, 4), LENGTH, SourceEndedError, b"", id="less than is skipped"),
        pytest.param(b"x\r\n", Rest(0, 4), LENGTH, BadBodyError, b"", id="bad chunks"),
        pytest.param(b"4\r\nhell\r\n", Rest(0, 4), 9, BadBodyError, b"", id="less than the chunk that was begun"),
    ],
)
def test_a_source_that_sends_something_else_than_announced_cuts_the_rest(
    coded: bytes, rest: Rest, lacks: int | None, error: type[Exception], received: bytes
) -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, CHUNKED, rest, lacks)
        transfer.start(b"")
        await ends.sender.send(coded)
        with pytest.raises(error):
            await transfer.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == received
        assert ends.are_clean

    run(main())


# Pace.


def test_a_reader_that_stands_still_holds_the_sender() -> None:
    capacity, piece = 100_000, 40_000

    async def main() -> None:
        ends = await memory_ends(Link(capacity=capacity, piece=piece), Link(capacity=capacity, piece=piece))
        transfer = rejoin(ends, 10_000_000, Rest(1_000_000, 9_000_000))
        ends.reader.pause()
        transfer.start(b"")
        sending = asyncio.create_task(ends.sender.send(bytes(10_000_000)), name="sender")
        await asyncio.sleep(1)
        kept = ends.sink.transport.get_write_buffer_size()
        assert WRITE_BUFFER < kept <= WRITE_BUFFER + piece
        assert transfer.moved == capacity + kept
        assert not ends.source.transport.is_reading()
        ends.reader.resume()
        await sending
        await transfer.finished()
        await ends.reader.read_exactly(9_000_000)

    run(main())


def test_a_source_that_is_skipped_for_long_does_not_stand_still() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, 100, Rest(skip=90, length=10), patience=1.0)
        transfer.start(b"")
        for _ in range(100):
            await asyncio.sleep(0.5)
            await ends.sender.send(b"x")
        await transfer.finished()
        assert transfer.moved == 10

    run(main())


def test_a_source_that_stops_while_it_is_skipped_stands_still() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, 100, Rest(skip=90, length=10), patience=1.0)
        transfer.start(b"")
        await ends.sender.send(bytes(50))
        with pytest.raises(StalledError):
            await transfer.finished()
        assert asyncio.get_running_loop().time() < 3.0
        assert ends.are_clean

    run(main())


def test_a_rest_that_stood_still_may_go_on_after_all() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, 10, Rest(skip=2, length=8), rest_of_chunk=6, patience=1.0)
        transfer.start(b"")
        await ends.sender.send(b"hell")
        with pytest.raises(StalledError):
            await transfer.finished()
        await ends.sender.send(b"o wo")
        transfer.restart(LIMIT)
        await ends.sender.send(b"rl")
        await transfer.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == b"llo \r\n2\r\nwo\r\n2\r\nrl\r\n0\r\n\r\n"

    run(main())


def test_a_sink_that_is_lost_ends_the_rest() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = rejoin(ends, 100, Rest(0, 100))
        transfer.start(b"")
        await ends.sender.send(bytes(10))
        ends.reader.abort()
        with pytest.raises(SinkGoneError):
            await transfer.finished()
        assert ends.are_clean

    run(main())
