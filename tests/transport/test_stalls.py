"""Bodies that stand still: whose fault that is, how long each side has, and going on after all."""

import asyncio

import pytest

from s3edge.http1.body import ChunkedBody, LengthBody
from s3edge.transport.splice import Splice, transfer
from s3edge.transport.transfer import LOOKS, Relay, SinkStalledError, SourceEndedError, StalledError, Transfer
from s3edge.transport.wheel import TICK
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import Ends, line, memory_ends
from tests.transport.sockets import Loops, SocketEnds, on_both_loops, socket_ends, until
from tests.transport.sockets import run as run_on_sockets
from tests.transport.splicing import MIB, dammed, is_waiting_for_source, noise

# Seconds. A look each second, and one tick later.
PATIENCE = LOOKS * (1 - TICK / 2)
LIMIT = 60.0


def now() -> float:
    return asyncio.get_running_loop().time()


def impatient(ends: Ends, length: int, patience: float | None = PATIENCE) -> Relay:
    return Relay(ends.source, ends.sink, LengthBody(length), LIMIT, patience)


# Patience.


@pytest.mark.parametrize("patience, is_patient", [(None, True), (LIMIT, True), (LIMIT - 1, False), (1.0, False)])
def test_a_transfer_is_patient_if_the_source_has_the_whole_limit(patience: float | None, is_patient: bool) -> None:
    async def main() -> None:
        assert impatient(await memory_ends(), 10, patience).is_patient is is_patient

    run(main())


def test_a_source_that_is_waited_for_has_its_patience_only() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = impatient(ends, 10)
        moving.start(b"HEAD")
        with pytest.raises(StalledError):
            await moving.finished()
        assert (now(), moving.still) == (LOOKS, PATIENCE)
        assert ends.are_clean

    run(main())


def test_a_sink_has_the_whole_limit_however_little_patience_there_is_with_the_source() -> None:
    async def main() -> None:
        ends = await memory_ends(None, Link(capacity=1000))
        moving = impatient(ends, 10_000_000)
        ends.reader.pause()
        moving.start(b"")
        ends.sender.transport.write(bytes(10_000_000))
        with pytest.raises(SinkStalledError):
            await moving.finished()
        # The first look finds what it took; then as many looks as make a minute, one a second for each 0.875 s of it.
        assert now() == 1 + 69

    run(main())


def test_looks_at_which_the_sink_was_behind_do_not_count_against_the_source() -> None:
    async def main() -> None:
        ends = await memory_ends(None, Link(capacity=1000))
        moving = impatient(ends, 10_000_000)
        ends.reader.pause()
        moving.start(b"")
        ends.sender.transport.write(bytes(1_000_000))
        await asyncio.sleep(30)
        assert not moving.is_done
        ends.reader.resume()
        with pytest.raises(StalledError):
            await moving.finished()
        assert moving.moved == 1_000_000
        assert 30 + LOOKS < now() <= 31 + LOOKS, "its time began when the sink had caught up"

    run(main())


def test_a_byte_between_two_looks_begins_the_count_anew() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = impatient(ends, 100)
        moving.start(b"")
        for _ in range(10):
            await asyncio.sleep(LOOKS - 1)
            await ends.sender.send(b"x")
        with pytest.raises(StalledError):
            await moving.finished()
        assert (moving.moved, now()) == (10, 10 * (LOOKS - 1) + 1 + LOOKS)

    run(main())


# Going on.


def test_a_stalled_body_that_is_restarted_goes_on_where_it_was() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = impatient(ends, 10)
        moving.start(b"HEAD")
        await ends.sender.send(b"1234")
        with pytest.raises(StalledError):
            await moving.finished()
        await ends.sender.send(b"56")  # while it is decided what to do
        await asyncio.sleep(1)
        moving.restart(LIMIT)
        assert (moving.is_patient, moving.is_done) == (True, False)
        await asyncio.sleep(50)
        await ends.sender.send(b"7890NEXT")
        await moving.finished()
        await asyncio.sleep(1)
        assert (bytes(ends.reader.received), moving.moved) == (b"HEAD1234567890", 10)
        assert ends.source.unread == b"NEXT"
        assert ends.are_clean

    run(main())


def test_a_restarted_body_has_its_new_limit_and_is_then_given_up_for_good() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = impatient(ends, 10)
        moving.start(b"HEAD")
        with pytest.raises(StalledError):
            await moving.finished()
        began = now()
        moving.restart(LIMIT)
        with pytest.raises(StalledError):
            await moving.finished()
        assert now() - began == LIMIT + LOOKS * TICK
        assert ends.are_clean

    run(main())


def test_a_restarted_body_whose_source_has_left_meanwhile_is_cut_short() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = impatient(ends, 10)
        moving.start(b"HEAD")
        with pytest.raises(StalledError):
            await moving.finished()
        ends.sender.abort()
        await asyncio.sleep(1)
        moving.restart(LIMIT)
        with pytest.raises(SourceEndedError):
            await moving.finished()

    run(main())


def test_a_chunked_body_that_is_restarted_goes_on_within_its_chunk() -> None:
    async def main() -> None:
        ends = await memory_ends()
        moving = Relay(ends.source, ends.sink, ChunkedBody(), LIMIT, PATIENCE)
        moving.start(b"")
        await ends.sender.send(b"5\r\nab")
        with pytest.raises(StalledError):
            await moving.finished()
        assert (moving.payload, moving.rest_of_chunk) == (2, 3 + len(b"\r\n"))
        moving.restart(LIMIT)
        await ends.sender.send(b"cde\r\n0\r\n\r\n")
        await moving.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == b"5\r\nabcde\r\n0\r\n\r\n"

    run(main())


# Splice.


async def spliced(ends: SocketEnds, length: int, patience: float) -> Transfer:
    """A spliced body whose head was read, and which was started."""
    ends.sender.transport.write(line(length))
    await ends.source.head()
    moving = transfer(ends.source, ends.sink, length, ends.splicing, LIMIT, patience)
    assert type(moving) is Splice
    moving.start(b"HEAD")
    return moving


@on_both_loops
def test_a_spliced_body_that_is_restarted_goes_on_where_it_was(loops: Loops) -> None:
    body = noise(MIB)

    async def main() -> None:
        async with socket_ends() as ends:
            moving = await spliced(ends, len(body), patience=0.1)
            ends.sender.transport.write(body[:300_000])
            assert await ends.reader.read_exactly(300_004) == b"HEAD" + body[:300_000]
            with pytest.raises(StalledError):
                await moving.finished()
            assert (moving.moved, ends.splicing.pipes.open) == (300_000, 1)
            ends.sender.transport.write(body[300_000:400_000])
            await asyncio.sleep(0.01)
            moving.restart(LIMIT)
            ends.sender.transport.write(body[400_000:] + b"NEXT")
            assert await ends.reader.read_exactly(len(body) - 300_000) == body[300_000:]
            await moving.finished()
            assert moving.moved == len(body)
            await until(lambda: ends.source.unread == b"NEXT")

    run_on_sockets(loops, main())


@on_both_loops
def test_a_spliced_body_whose_source_ends_while_it_stands_still_is_cut_short_when_restarted(loops: Loops) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            moving = await spliced(ends, MIB, patience=0.1)
            with pytest.raises(StalledError):
                await moving.finished()
            ends.sender.transport.write(b"x" * 1000)
            ends.sender.transport.close()
            await ends.sender.lost()
            moving.restart(LIMIT)
            assert await ends.reader.read_exactly(1004) == b"HEAD" + b"x" * 1000
            with pytest.raises(SourceEndedError):
                await moving.finished()
            assert moving.moved == 1000

    run_on_sockets(loops, main())


@on_both_loops
def test_a_spliced_body_may_be_cancelled_while_it_stands_still_and_after_its_restart(loops: Loops) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            moving = await spliced(ends, MIB, patience=0.05)
            with pytest.raises(StalledError):
                await moving.finished()
            moving.cancel()
            moving.restart(LIMIT)
            await until(lambda: is_waiting_for_source(moving))
            moving.cancel()
            assert ends.are_clean
            assert (ends.splicing.pipes.open, len(ends.splicing.pipes._idle)) == (1, 1)

    run_on_sockets(loops, main())


@on_both_loops
def test_bytes_in_the_pipe_have_left_the_source_though_the_sink_has_none(loops: Loops) -> None:
    """Regression: an upload whose first bytes were lost with the pipe was sent again without them."""

    async def main() -> None:
        async with dammed(MIB) as (_, moving, _):
            assert (moving.moved, moving.taken) == (0, 1000)
            moving.cancel()
            assert (moving.moved, moving.taken) == (0, 1000)

    run_on_sockets(loops, main())
