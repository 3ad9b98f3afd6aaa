"""Bodies moved inside the kernel: real sockets on both event loops, and nothing of a transfer left behind."""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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


class Dam:
    """Stands in for the sink's socket and takes nothing until it is opened: sockets are never full for sure."""

    def __init__(self, sink: LineConnection) -> None:
        self._read_fd, sink._fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(sink._fd, fcntl.F_SETPIPE_SZ, 4096)
        os.write(sink._fd, bytes(4096))

    def open(self) -> None:
        assert os.read(self._read_fd, 4096) == bytes(4096)

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            with contextlib.suppress(BlockingIOError):
                data += os.read(self._read_fd, size - len(data))
            await asyncio.sleep(0)
        return data

    def close(self) -> None:
        os.close(self._read_fd)


@asynccontextmanager
async def dammed(length: int, limit: float = LIMIT) -> AsyncIterator[tuple[SocketEnds, Splice, Dam]]:
    """A transfer with the first 1,000 bytes of a body in its pipe, and a sink that does not take them."""
    async with socket_ends() as ends:
        dam = Dam(ends.sink)
        moving = await begin(ends, length, limit=limit)
        assert isinstance(moving, Splice)
        moving.start(b"HEAD")
        await ends.reader.read_exactly(4)
        ends.sender.transport.write(noise(1000))
        await until(lambda: is_waiting_for_sink(moving))
        assert (moving.moved, moving._pipe.inside) == (0, 1000)
        yield ends, moving, dam
        dam.close()


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
    sorted({size + more for size in (SPLICE_FROM, CAPACITY, QUANTUM) for more in (-1, 0, 1)} | {3 * QUANTUM + 12_345}),
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
    """Regression: an answer before the end of a large upload had a descriptor watched twice, and both stood still."""

    async def main() -> None:
        there, back = noise(3 * MIB), noise(2 * MIB)
        async with socket_ends(SMALL) as ends:
            up = await begin(ends, len(there))
            up.start(b"")
            ends.reader.transport.write(line(len(back)))
            await ends.sink.head()
            down = transfer(ends.sink, ends.source, len(back), LIMIT, ends.splicing)
            assert [type(up), type(down)] == [Splice, Relay]
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
            received = 0
            for size in (1, 1000, 100_000, MIB):
                ends.reader.pause()
                await until(lambda: is_waiting_for_sink(moving))
                ends.reader.resume()
                received += len(await ends.reader.read_exactly(size))
            await ends.reader.read_exactly(4 + len(body) - received)
            assert ends.reader.received == b"HEAD" + body
            await moving.finished()

    run(loops, main())


@on_both_loops
def test_bytes_wait_in_the_pipe_for_a_sink_that_takes_none(loops: Loops) -> None:
    body = noise(1000) + bytes(SPLICE_FROM - 1000)

    async def main() -> None:
        async with dammed(len(body)) as (ends, moving, dam):
            ends.sender.transport.write(body[1000:])
            dam.open()
            assert await dam.read(len(body)) == body
            await moving.finished()

    run(loops, main())


@on_both_loops
def test_a_slow_sender_is_waited_for(loops: Loops) -> None:
    body = noise(SPLICE_FROM)

    async def main() -> None:
        async with socket_ends() as ends:
            moving = await begin(ends, len(body))
            moving.start(b"HEAD")
            for end in range(16 * 1024, len(body) + 1, 16 * 1024):
                await until(lambda: is_waiting_for_source(moving))
                ends.sender.transport.write(body[end - 16 * 1024 : end])
                await until(lambda end=end: moving.moved == end)  # type: ignore[misc]
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
@pytest.mark.parametrize("death", ["end", "reset", "loss"])
def test_what_stands_in_the_pipe_still_arrives_when_the_source_dies(loops: Loops, death: str) -> None:
    async def main() -> None:
        async with dammed(MIB) as (ends, moving, dam):
            await source_dies(ends, death)
            assert not moving.is_done
            dam.open()
            with pytest.raises(SourceEndedError):
                await moving.finished()
            assert moving.moved == 1000
            assert await dam.read(1000) == noise(1000)

    run(loops, main())


async def source_dies(ends: SocketEnds, death: str) -> None:
    if death == "loss":
        ends.source.abort()
        await until(lambda: ends.source.is_lost)
    else:
        ends.sender.abort() if death == "reset" else ends.sender.transport.close()
        await ends.sender.lost()


@on_both_loops
@pytest.mark.parametrize("death", ["end", "reset", "loss"])
def test_a_source_that_dies_after_its_last_byte_was_read_has_sent_the_whole_body(loops: Loops, death: str) -> None:
    """Regression: a body was reported as cut short whose connection was lost while the rest left the pipe."""

    async def main() -> None:
        async with dammed(SPLICE_FROM) as (ends, moving, dam):
            moving._left = 0  # as if the 1,000 bytes in the pipe were the body's last
            await source_dies(ends, death)
            assert not moving.is_done
            dam.open()
            await moving.finished()
            assert await dam.read(1000) == noise(1000)

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
        async with dammed(MIB, limit=0.2) as (ends, moving, dam):
            if why == "no byte comes":
                dam.open()
                await until(lambda: is_waiting_for_source(moving))
            elif why == "no byte leaves and the source is lost":
                ends.source.abort()
            with pytest.raises(StalledError):
                await moving.finished()

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize("when", ["before the start", "before the head has left", "before a byte", "after the end"])
def test_a_transfer_may_be_cancelled_at_any_time(loops: Loops, when: str) -> None:
    async def main() -> None:
        async with socket_ends(SMALL) as ends:
            if when == "before the head has left":
                ends.reader.pause()
                ends.sink.transport.write(bytes(8 * MIB))
            moving = await begin(ends, 4 * MIB)
            if when != "before the start":
                moving.start(b"HEAD")
            if when == "before a byte":
                await until(lambda: is_waiting_for_source(moving))
            if when == "after the end":
                ends.sender.transport.write(bytes(4 * MIB))
                await moving.finished()
            assert ends.splicing.pipes.open == 1
            moving.cancel()
            moving.cancel()
            assert ends.are_clean
            assert ends.sink.transport.get_write_buffer_limits()[1] == WRITE_BUFFER
            assert len(ends.splicing.pipes._idle) == 1

    run(loops, main())


@on_both_loops
def test_a_pipe_with_bytes_of_a_cancelled_body_meets_no_other_one(loops: Loops) -> None:
    async def main() -> None:
        async with dammed(MIB) as (ends, moving, _):
            assert ends.splicing.pipes.open == 1
            moving.cancel()
            assert ends.are_clean
            assert ends.splicing.pipes.open == 0

    run(loops, main())
