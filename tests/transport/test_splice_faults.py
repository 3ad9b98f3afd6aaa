"""Spliced bodies that cannot be finished: both ends see it, and nothing of the transfer is left behind."""

import resource
from collections.abc import Callable

import pytest

from s3edge.transport.connection import WRITE_BUFFER
from s3edge.transport.splice import SPLICE_FROM
from s3edge.transport.transfer import SinkGoneError, SinkStalledError, SourceEndedError, StalledError, Transfer
from tests.transport.sockets import Loops, SocketEnds, on_both_loops, run, socket_ends, until
from tests.transport.splicing import LIMIT, MIB, SMALL, begin, dammed, is_waiting_for_sink, is_waiting_for_source, noise


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
@pytest.mark.parametrize(
    "why, error",
    [
        ("no byte comes", StalledError),
        ("no byte leaves", SinkStalledError),
        ("no byte leaves and the source is lost", SinkStalledError),
    ],
)
def test_a_body_that_stands_still_is_given_up(loops: Loops, why: str, error: type[Exception]) -> None:
    """Regression: with the source's connection its time limit went, while bytes in the pipe waited for the sink."""

    async def main() -> None:
        async with dammed(MIB, limit=0.2) as (ends, moving, dam):
            if why == "no byte comes":
                dam.open()
                await until(lambda: is_waiting_for_source(moving))
            elif why == "no byte leaves and the source is lost":
                ends.source.abort()
            with pytest.raises(error):
                await moving.finished()

    run(loops, main())


@on_both_loops
def test_a_body_that_stood_still_ends_for_good_when_no_pipe_is_left_for_its_rest(loops: Loops) -> None:
    """Regression: the exchange ended by an error that nobody expected."""

    async def main() -> None:
        async with dammed(MIB, limit=0.2) as (ends, moving, dam):
            dam.open()
            with pytest.raises(StalledError):
                await moving.finished()
            pipe = ends.splicing.pipes.take()
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
            try:
                assert not moving.restart(LIMIT)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            assert moving.is_done
            ends.splicing.pipes.give_back(pipe)
            assert moving.restart(LIMIT)
            moving.cancel()

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
