"""Bodies moved inside the kernel: real sockets on both event loops, and nothing of a transfer left behind."""

import asyncio
import errno
from collections.abc import Callable
from random import Random

import pytest

from s3edge.http1.head import CHUNKED, UNTIL_CLOSE
from s3edge.transport.connection import WRITE_BUFFER
from s3edge.transport.pipes import CAPACITY, Pipe, Pipes
from s3edge.transport.splice import QUANTUM, SPLICE_FROM, Splice, transfer
from s3edge.transport.transfer import Relay, SinkGoneError, SourceEndedError, StalledError, Transfer
from tests.transport.ends import HEAD_LIMIT, LineConnection, line, memory_ends, surroundings
from tests.transport.sockets import Loops, SocketEnds, on_both_loops, run, socket_ends, until

MIB = 1024 * 1024
# So small that a reader who stands still is felt at once; the kernel doubles it.
SMALL = 16 * 1024
LIMIT = 60.0


def noise(size: int) -> bytes:
    """Bytes in which nothing can be missing, doubled or moved without being seen."""
    return Random(size).randbytes(size)


async def begin(ends: SocketEnds, length: int, along: bytes = b"", limit: float = LIMIT) -> Transfer:
    """A transfer of a body whose head was read, with the bytes that came along; not started."""
    ends.sender.transport.write(line(length) + along)
    await ends.source.head()
    await until(lambda: ends.source.unread == along)
    return transfer(ends.source, ends.sink, length, limit, ends.splicing)


def is_waiting_for_sink(moving: Transfer) -> bool:
    assert isinstance(moving, Splice)
    return moving._watched_fd == moving._sink_fd and moving._pipe.inside > 0


def is_waiting_for_source(moving: Transfer) -> bool:
    assert isinstance(moving, Splice)
    return moving._watched_fd == moving._source_fd


# Which way.


@on_both_loops
@pytest.mark.parametrize(
    "length, along, expected",
    [
        (SPLICE_FROM - 1, 0, Relay),
        (SPLICE_FROM, 0, Splice),
        (SPLICE_FROM, 1, Relay),
        (SPLICE_FROM + 10, 10, Splice),
        (CHUNKED, 0, Relay),
        (UNTIL_CLOSE, 0, Relay),
    ],
)
def test_large_bodies_of_known_length_are_spliced(
    loops: Loops, length: int, along: int, expected: type[Transfer]
) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, length, bytes(along))
            assert type(moving) is expected
            moving.cancel()

    run(loops, main())


def test_what_has_no_socket_is_relayed() -> None:
    async def main() -> None:
        ends = await memory_ends()
        async with socket_ends() as other:
            assert type(transfer(ends.source, ends.sink, MIB, LIMIT, other.splicing)) is Relay
            assert type(transfer(other.source, ends.sink, MIB, LIMIT, other.splicing)) is Relay
            assert type(transfer(ends.source, other.sink, MIB, LIMIT, other.splicing)) is Relay

    run(asyncio.SelectorEventLoop, main())


class NoPipes(Pipes):
    """What a process has that is out of descriptors."""

    def take(self) -> Pipe:
        raise OSError(errno.EMFILE, "Too many open files")


@on_both_loops
def test_without_a_descriptor_for_a_pipe_a_body_is_relayed(loops: Loops) -> None:
    async def main() -> None:
        body = noise(2 * MIB)
        async with socket_ends(pipes=NoPipes()) as ends:
            moving = await begin(ends, len(body))
            assert type(moving) is Relay
            moving.start(b"HEAD")
            ends.sender.transport.write(body)
            assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body
            await moving.finished()

    run(loops, main())


class NoDuplicate(LineConnection):
    """A connection of a process that is out of descriptors."""

    def splice_fd(self) -> int:
        raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize("is_source", [True, False])
def test_without_a_descriptor_for_a_duplicate_a_body_is_relayed(is_source: bool) -> None:
    """Regression: the error left the exchange as no error of S3, and its client without an answer."""

    async def main() -> None:
        async with socket_ends() as ends:
            poor = NoDuplicate(surroundings(), HEAD_LIMIT)
            source, sink = (poor, ends.sink) if is_source else (ends.source, poor)
            assert type(transfer(source, sink, MIB, LIMIT, ends.splicing)) is Relay

    run(asyncio.SelectorEventLoop, main())


# Whole bodies.


@on_both_loops
@pytest.mark.parametrize(
    "length",
    [
        SPLICE_FROM - 1,
        SPLICE_FROM,
        SPLICE_FROM + 1,
        CAPACITY - 1,
        CAPACITY,
        CAPACITY + 1,
        QUANTUM - 1,
        QUANTUM,
        QUANTUM + 1,
        3 * QUANTUM + 12_345,
    ],
)
@pytest.mark.parametrize("along", [0, 1, 1000])
def test_a_body_arrives_behind_its_head_whole_and_nothing_more(loops: Loops, length: int, along: int) -> None:
    body, rest = noise(length), line(0, "next")

    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, length, body[:along])
            moving.start(b"HEAD")
            ends.sender.transport.write(body[along:] + rest)
            assert await ends.reader.read_exactly(4 + length) == b"HEAD" + body
            await moving.finished()
            assert moving.moved == length
            assert (await ends.source.head()).raw == rest
            assert ends.reader.taken == len(ends.reader.received)
            assert ends.sink.transport.get_write_buffer_size() == 0

    run(loops, main())


@on_both_loops
def test_two_bodies_follow_each_other_over_the_same_pipe(loops: Loops) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            for size in (2 * MIB, SPLICE_FROM, 3 * MIB):
                body = noise(size)
                moving = await begin(ends, size)
                moving.start(b"HEAD")
                ends.sender.transport.write(body)
                assert await ends.reader.read_exactly(4 + size) == b"HEAD" + body
                await moving.finished()
                assert ends.splicing.pipes.open == 1

    run(loops, main())


@on_both_loops
def test_bodies_cross_on_one_pair_of_connections(loops: Loops) -> None:
    """An answer that begins while its request's body is still on the way."""

    async def main() -> None:
        there, back = noise(3 * MIB), noise(2 * MIB)
        async with socket_ends(SMALL) as ends:
            up = await begin(ends, len(there))
            up.start(b"")
            ends.reader.transport.write(line(len(back)))
            await ends.sink.head()
            down = transfer(ends.sink, ends.source, len(back), LIMIT, ends.splicing)
            down.start(b"")
            ends.sender.transport.write(there)
            ends.reader.transport.write(back)
            assert await ends.reader.read_exactly(len(there)) == there
            assert await ends.sender.read_exactly(len(back)) == back
            await up.finished()
            await down.finished()

    run(loops, main())


@on_both_loops
def test_a_slow_reader_gets_every_byte(loops: Loops) -> None:
    body = noise(4 * MIB)

    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            moving = await begin(ends, len(body))
            moving.start(b"HEAD")
            ends.sender.transport.write(body)
            for size in (1, 1000, 100_000, MIB):
                ends.reader.pause()
                await until(lambda: is_waiting_for_sink(moving))
                ends.reader.resume()
                await ends.reader.read_exactly(size)
            ends.reader.unread(bytes(ends.reader.received[: ends.reader.taken]))
            assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body
            await moving.finished()

    run(loops, main())


@on_both_loops
def test_a_slow_sender_is_waited_for(loops: Loops) -> None:
    body = noise(SPLICE_FROM)

    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, len(body))
            moving.start(b"HEAD")
            for start in range(0, len(body), 20_000):
                await until(lambda: is_waiting_for_source(moving))
                ends.sender.transport.write(body[start : start + 20_000])
                await until(lambda end=min(start + 20_000, len(body)): moving.moved == end)  # type: ignore[misc]
            assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body
            await moving.finished()

    run(loops, main())


@on_both_loops
def test_what_the_sink_still_has_to_write_goes_first(loops: Loops) -> None:
    before, body = noise(MIB), noise(2 * MIB)

    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            ends.reader.pause()
            ends.sink.transport.write(before)
            moving = await begin(ends, len(body), body[:100])
            moving.start(b"HEAD")
            ends.sender.transport.write(body[100:])
            await asyncio.sleep(0.01)
            assert ends.sink.transport.get_write_buffer_size() > 0
            ends.reader.resume()
            whole = before + b"HEAD" + body
            assert await ends.reader.read_exactly(len(whole)) == whole
            await moving.finished()
            assert ends.sink.transport.get_write_buffer_limits()[1] == WRITE_BUFFER

    run(loops, main())


# What goes wrong.


@on_both_loops
@pytest.mark.parametrize("is_reset", [True, False])
def test_a_source_that_ends_early_cuts_the_body_short(loops: Loops, is_reset: bool) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, MIB)
            moving.start(b"HEAD")
            ends.sender.transport.write(b"x" * 1000)
            assert await ends.reader.read_exactly(1004) == b"HEAD" + b"x" * 1000
            ends.sender.abort() if is_reset else ends.sender.transport.close()
            with pytest.raises(SourceEndedError):
                await moving.finished()
            assert moving.moved == 1000

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize("death", ["of the sender", "of our transport"])
def test_what_stands_in_the_pipe_still_arrives_when_the_source_dies(loops: Loops, death: str) -> None:
    body = noise(8 * MIB)

    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            moving = await begin(ends, len(body))
            ends.reader.pause()
            moving.start(b"HEAD")
            ends.sender.transport.write(body)
            await until(lambda: is_waiting_for_sink(moving))
            assert isinstance(moving, Splice)
            read = moving.moved + moving._pipe.inside
            if death == "of our transport":
                ends.source.abort()
                await until(lambda: ends.source.is_lost)
            else:
                ends.sender.abort()
                await ends.sender.lost()
            assert not moving.is_done
            ends.reader.resume()
            with pytest.raises(SourceEndedError):
                await moving.finished()
            assert moving.moved == read
            assert await ends.reader.read_exactly(4 + read) == b"HEAD" + body[:read]

    run(loops, main())


@on_both_loops
def test_a_source_that_dies_after_its_last_byte_was_read_has_sent_the_whole_body(loops: Loops) -> None:
    """Regression: the body was reported as cut short when its connection was lost while the rest left the pipe."""
    body = noise(CAPACITY)

    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            moving = await begin(ends, len(body))
            ends.reader.pause()
            moving.start(b"HEAD")
            sending = asyncio.create_task(ends.sender.send(body), name="sender")
            assert isinstance(moving, Splice)
            await until(lambda: moving._left == 0 and is_waiting_for_sink(moving))
            await sending
            ends.source.abort()
            await until(lambda: ends.source.is_lost)
            ends.reader.resume()
            assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body
            await moving.finished()

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize("is_waiting", [is_waiting_for_sink, is_waiting_for_source])
def test_a_sink_that_dies_ends_the_transfer(loops: Loops, is_waiting: Callable[[Transfer], bool]) -> None:
    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            moving = await begin(ends, 100 * MIB)
            moving.start(b"HEAD")
            if is_waiting is is_waiting_for_sink:
                ends.reader.pause()
                ends.sender.transport.write(bytes(8 * MIB))
            await until(lambda: is_waiting(moving))
            ends.reader.abort()
            with pytest.raises(SinkGoneError):
                await moving.finished()

    run(loops, main())


@on_both_loops
def test_a_sink_that_is_closing_gets_no_body_without_its_head(loops: Loops) -> None:
    """Regression: a closing transport drops what is written, while its socket still took what was spliced."""

    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, MIB)
            ends.sender.transport.write(bytes(MIB))
            ends.sink.transport.close()
            moving.start(b"HEAD")
            with pytest.raises(SinkGoneError):
                await moving.finished()
            assert await ends.reader.read_to_end() == b""

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize("why", ["no byte comes", "no byte leaves", "no byte leaves and the source is lost"])
def test_a_body_that_stands_still_is_given_up(loops: Loops, why: str) -> None:
    """Regression: with the source's connection its time limit went, while bytes in the pipe waited for the sink."""

    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            moving = await begin(ends, 100 * MIB, limit=0.05)
            if why != "no byte comes":
                ends.reader.pause()
                ends.sender.transport.write(bytes(8 * MIB))
            moving.start(b"HEAD")
            if why == "no byte leaves and the source is lost":
                await until(lambda: is_waiting_for_sink(moving))
                ends.source.abort()
            with pytest.raises(StalledError):
                await moving.finished()

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize(
    "when", ["before the start", "before the head has left", "before a byte", "in the middle", "after the end"]
)
def test_a_transfer_may_be_cancelled_at_any_time(loops: Loops, when: str) -> None:
    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            if when == "before the head has left":
                ends.reader.pause()
                ends.sink.transport.write(bytes(8 * MIB))
            moving = await begin(ends, 4 * MIB)
            assert isinstance(moving, Splice)
            assert ends.splicing.pipes.open == 1
            if when != "before the start":
                moving.start(b"HEAD")
            if when == "before a byte":
                await until(lambda: is_waiting_for_source(moving))
            elif when == "in the middle":
                ends.reader.pause()
                ends.sender.transport.write(bytes(4 * MIB))
                await until(lambda: is_waiting_for_sink(moving))
            elif when == "after the end":
                ends.sender.transport.write(bytes(4 * MIB))
                await moving.finished()
            moving.cancel()
            moving.cancel()
            assert moving._watched_fd == -1
            assert ends.are_clean
            assert ends.sink.transport.get_write_buffer_limits()[1] == WRITE_BUFFER
            # A pipe with bytes of this body inside must never meet another one.
            assert ends.splicing.pipes.open == (0 if when == "in the middle" else 1)

    run(loops, main())
