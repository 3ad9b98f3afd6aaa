"""Bodies moved inside the kernel: real sockets on both event loops, and nothing of a transfer left behind."""

import asyncio
import errno
import os
from collections.abc import Callable

import pytest

from s3edge.http1.head import CHUNKED, UNTIL_CLOSE
from s3edge.transport.connection import WRITE_BUFFER
from s3edge.transport.pipes import CAPACITY, Pipe, Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.splice import QUANTUM, SPLICE_FROM, Splice, Splicing, transfer
from s3edge.transport.transfer import Relay, Transfer
from tests.support.virtual_time import run as run_in_memory
from tests.transport.ends import HEAD_LIMIT, LineConnection, line, memory_ends, surroundings
from tests.transport.sockets import Loops, on_both_loops, run, socket_ends, until
from tests.transport.splicing import LIMIT, MIB, SMALL, begin, dammed, is_waiting_for_sink, is_waiting_for_source, noise

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
            assert type(transfer(ends.source, ends.sink, MIB, other.splicing, LIMIT)) is Relay
            assert type(transfer(other.source, ends.sink, MIB, other.splicing, LIMIT)) is Relay
            assert type(transfer(ends.source, other.sink, MIB, other.splicing, LIMIT)) is Relay

    run(asyncio.SelectorEventLoop, main())


class NoPipes(Pipes):
    """What a process has that is out of descriptors."""

    def take(self, least: int = 0) -> Pipe:
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


@on_both_loops
def test_a_body_is_relayed_rather_than_go_through_a_small_pipe(loops: Loops) -> None:
    """Regression: where a user's share of pipes is used up, they have 8 KiB, which cost twice as much as a relay."""

    async def main() -> None:
        pipes = Pipes(capacity=8 * 1024)
        async with socket_ends(pipes=pipes) as ends:
            assert type(transfer(ends.source, ends.sink, MIB, ends.splicing, LIMIT)) is Relay
            assert pipes.open == 0

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
            assert type(transfer(source, sink, MIB, ends.splicing, LIMIT)) is Relay

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
            down = transfer(ends.sink, ends.source, len(back), ends.splicing, LIMIT)
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


class Turns(Readiness):
    """Lets the test say when a descriptor is ready."""

    def watch(self, fd: int, mask: int, callback: Callable[[], None]) -> None:
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        del self._callbacks[fd]


def test_an_endless_source_gets_no_more_than_its_quantum_in_a_turn() -> None:
    async def main() -> None:
        ends, turns = await memory_ends(), Turns(asyncio.get_running_loop())
        ends.source._fd, ends.sink._fd = os.open("/dev/zero", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
        pipes = Pipes()
        moving = Splice(ends.source, ends.sink, 5 * QUANTUM, LIMIT, None, Splicing(pipes, turns))
        moving.start(b"")
        moved = [moving.moved]
        while not moving.is_done:
            (callback,) = turns._callbacks.values()
            callback()
            moved.append(moving.moved - sum(moved))
        assert sum(moved) == 5 * QUANTUM
        assert max(moved) < QUANTUM + CAPACITY
        ends.source.abort()
        ends.sink.abort()
        await asyncio.sleep(1)
        pipes.close()
        turns.close()

    run_in_memory(main())


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
