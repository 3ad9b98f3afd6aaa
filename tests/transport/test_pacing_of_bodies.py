"""Bodies that wait for their pace: nothing of them is lost, nobody is blamed, and nothing of a flow is left behind."""

import asyncio
from collections.abc import Callable

import pytest

from s3edge.config.qos import Priority
from s3edge.http1.body import Body as Framing
from s3edge.http1.body import ChunkedBody, LengthBody
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.bucket import Bucket
from s3edge.resilience.resume import Rest
from s3edge.transport.pacing import TRICKLE_EVERY, Flow, Pacer
from s3edge.transport.recording import Kept, Recording, Room
from s3edge.transport.rejoin import Rejoin
from s3edge.transport.splice import Splice
from s3edge.transport.transfer import LOOKS, Relay, SinkGoneError, SourceEndedError, StalledError, Transfer
from s3edge.transport.wheel import FINE_TICK, TICK
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import Ends, memory_ends
from tests.transport.pacing import BURST, KIB, MIB, Body, is_idle, new_pacer, now
from tests.transport.relaying import LIMIT, announced
from tests.transport.sockets import Loops, on_both_loops, socket_ends, until
from tests.transport.sockets import run as run_on_sockets
from tests.transport.splicing import begin, noise

# Seconds. A look each second, and one tick later.
PATIENCE = LOOKS * (1 - TICK / 2)


def paced(pacer: Pacer, *caps: Bucket) -> Flow:
    return pacer.flow(Account(VirtualTime()), Priority.NORMAL, caps, None)


def is_waiting(moving: Transfer) -> bool:
    assert moving.flow is not None
    return moving.flow.awaits_quantum


def chunked(data: bytes, size: int) -> bytes:
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


async def stand_still(ends: Ends, pacer: Pacer, cap: Bucket) -> Relay:
    """A body of 1 MiB that waits for its pace, for as long as it may; 64 KiB of it have moved."""
    await announced(ends, MIB)
    moving = Relay(ends.source, ends.sink, LengthBody(MIB), LIMIT, PATIENCE)
    moving.flow = paced(pacer, cap)
    moving.start(b"HEAD")
    await ends.sender.send(noise(64 * KIB))
    await asyncio.sleep(FINE_TICK)
    assert moving.flow.awaits_quantum
    assert moving.moved == 64 * KIB
    return moving


# What arrives, and when.


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_relayed_body_arrives_whole_and_at_its_pace(is_chunked: bool) -> None:
    async def main() -> None:
        body = noise(4 * MIB)
        raw, framing = (chunked(body, 70_001), ChunkedBody()) if is_chunked else (body, LengthBody(len(body)))
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(MIB, BURST)
        await announced(ends, len(raw))
        moving = Relay(ends.source, ends.sink, framing, LIMIT, PATIENCE)
        moving.flow = paced(pacer, cap)
        moving.start(b"HEAD")
        ends.sender.transport.write(raw + b"NEXT")
        for second in (1, 2, 3):
            await asyncio.sleep(1)
            # The burst, the quantum under way, and the one that a read may bring beyond it.
            assert second <= moving.moved / MIB <= second + BURST + 2 / 16
        await moving.finished()
        assert now() == pytest.approx(len(raw) / MIB - BURST, abs=2 / 16)
        await asyncio.sleep(1)
        assert ends.reader.received == b"HEAD" + raw
        assert ends.source.unread == b"NEXT"
        assert cap.taken == len(raw)
        assert ends.are_clean
        assert is_idle(pacer)

    run(main())


def test_a_body_that_is_recorded_is_paced_and_kept() -> None:
    async def main() -> None:
        body, room = noise(MIB), Room()
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(MIB / 2, BURST)
        await announced(ends, len(body))
        kept = Kept(MIB, room)
        moving = Recording(ends.source, ends.sink, LengthBody(MIB), LIMIT, kept)
        moving.flow = paced(pacer, cap)
        moving.start(b"")
        ends.sender.transport.write(body)
        await moving.finished()
        assert now() == pytest.approx(2 - BURST, abs=2 / 8)
        assert kept.data == body
        assert cap.taken == MIB

    run(main())


def test_a_body_that_is_joined_goes_on_at_its_pace_which_counts_what_is_skipped() -> None:
    async def main() -> None:
        body = noise(4 * MIB)
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(MIB, BURST)
        await announced(ends, len(body), body[:100])
        moving = Rejoin(ends.source, ends.sink, len(body), Rest(MIB, 3 * MIB), None, LIMIT, PATIENCE)
        moving.flow = paced(pacer, cap)
        moving.start(b"")
        ends.sender.transport.write(body[100:])
        await moving.finished()
        assert now() == pytest.approx(4 - BURST, abs=2 / 16)
        await asyncio.sleep(1)
        assert ends.reader.received == body[MIB:]
        assert cap.taken == 4 * MIB
        assert is_idle(pacer)

    run(main())


def test_one_flow_goes_on_with_the_next_body() -> None:
    async def main() -> None:
        pacer, cap = new_pacer(), Bucket(MIB, BURST)
        flow = paced(pacer, cap)
        for part in (b"a", b"b"):
            ends = await memory_ends()
            await announced(ends, MIB)
            moving = Relay(ends.source, ends.sink, LengthBody(MIB), LIMIT)
            moving.flow = flow
            moving.start(b"")
            ends.sender.transport.write(part * MIB)
            await moving.finished()
        assert now() == pytest.approx(2 - BURST, abs=2 / 16)
        assert cap.taken == 2 * MIB

    run(main())


def test_a_large_body_yields_to_a_small_one_at_once() -> None:
    async def main() -> None:
        pacer, time = new_pacer(), VirtualTime()
        link = pacer.link(10 * MIB)
        ends = await memory_ends()
        await announced(ends, 64 * MIB)
        large = Relay(ends.source, ends.sink, LengthBody(64 * MIB), LIMIT)
        large.flow = pacer.flow(Account(time), Priority.BACKGROUND, (), link)
        large.start(b"")
        ends.sender.transport.write(bytes(64 * MIB))
        await asyncio.sleep(2)
        began, moved = now(), large.moved
        small = Body(pacer, 4 * KIB, account=Account(time), priority=Priority.INTERACTIVE, link=link)
        small.go_on()
        assert small.moves == [(began, 4 * KIB)]
        larger = Body(pacer, MIB, account=Account(time), priority=Priority.INTERACTIVE, link=link)
        larger.go_on()
        await asyncio.sleep(0.1)
        # It has all the bandwidth, apart from the quantum that the large body has already.
        assert larger.moved() >= MIB - 2 * 80 * KIB
        assert large.moved - moved <= 160 * KIB
        large.cancel()

    run(main())


# Nobody is blamed.


def test_a_body_that_waits_for_its_pace_is_not_taken_for_one_that_stands_still() -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(1.0, BURST)
        moving = await stand_still(ends, pacer, cap)
        for count in range(1, 10):
            await asyncio.sleep(TRICKLE_EVERY)
            await ends.sender.send(bytes(16 * KIB))
            await asyncio.sleep(4 * FINE_TICK)
            assert moving.moved == (64 + 16 * count) * KIB
            assert not moving.is_done
        moving.cancel()

    run(main())


def test_when_a_body_goes_on_the_patience_with_its_source_begins_anew() -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(1.0, BURST)
        moving = await stand_still(ends, pacer, cap)
        with pytest.raises(StalledError):
            await moving.finished()
        assert moving.moved == 64 * KIB
        assert TRICKLE_EVERY + LOOKS - 1 < now() <= TRICKLE_EVERY + LOOKS + 1
        assert cap.taken == 64 * KIB
        assert ends.are_clean
        assert is_idle(pacer)

    run(main())


def test_a_source_that_stands_still_within_its_allowance_is_found_as_without_a_pace() -> None:
    async def main() -> list[float]:
        times = []
        for has_pace in (False, True):
            ends, pacer = await memory_ends(), new_pacer()
            await announced(ends, MIB)
            moving = Relay(ends.source, ends.sink, LengthBody(MIB), LIMIT, PATIENCE)
            if has_pace:
                moving.flow = paced(pacer, Bucket(MIB, BURST))
            began = now()
            moving.start(b"")
            await ends.sender.send(bytes(1000))
            with pytest.raises(StalledError):
                await moving.finished()
            times.append(now() - began)
        return times

    assert run(main()) == [LOOKS + 1, LOOKS + 1]


def test_a_stalled_body_that_is_restarted_goes_on_at_its_pace() -> None:
    async def main() -> None:
        body = noise(MIB)
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(MIB / 4, BURST)
        await announced(ends, MIB)
        moving = Relay(ends.source, ends.sink, LengthBody(MIB), LIMIT, PATIENCE)
        moving.flow = paced(pacer, cap)
        moving.start(b"")
        await ends.sender.send(body[:1000])
        with pytest.raises(StalledError):
            await moving.finished()
        assert cap.taken == 1000
        moving.restart(LIMIT)
        began = now()
        ends.sender.transport.write(body[1000:])
        await moving.finished()
        assert now() - began == pytest.approx(4 - BURST, abs=2 / 4)
        await asyncio.sleep(1)
        assert ends.reader.received == body
        assert cap.taken == MIB

    run(main())


# Both sides.


def test_a_sink_that_is_ready_again_does_not_let_a_body_go_on_that_waits_for_its_pace() -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(None, Link(capacity=1000)), new_pacer(), Bucket(64 * KIB, BURST)
        await announced(ends, MIB)
        moving = Relay(ends.source, ends.sink, LengthBody(MIB), LIMIT)
        moving.flow = paced(pacer, cap)
        ends.reader.pause()
        moving.start(b"")
        ends.sender.transport.write(bytes(MIB))
        await asyncio.sleep(20)
        assert ends.sink.is_write_paused
        assert not is_waiting(moving), "who would not be written to asks for nothing"
        cap.take(10 * MIB, now())
        moved = moving.moved
        ends.reader.resume()
        await asyncio.sleep(10)
        assert len(ends.reader.received) == moved
        assert is_waiting(moving)
        await asyncio.sleep(TRICKLE_EVERY)
        assert moved < moving.moved <= moved + 128 * KIB
        moving.cancel()

    run(main())


def test_a_pace_that_is_there_again_does_not_let_a_body_go_on_whose_sink_is_behind() -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(None, Link(capacity=1000)), new_pacer(), Bucket(1.0, BURST)
        moving = await stand_still(ends, pacer, cap)
        ends.reader.pause()
        ends.sink.transport.write(bytes(MIB))  # as something before the body would
        assert ends.sink.is_write_paused
        ends.sender.transport.write(bytes(MIB))
        await asyncio.sleep(TRICKLE_EVERY + 1)
        assert not is_waiting(moving)
        assert moving.moved == 64 * KIB
        ends.reader.resume()
        await asyncio.sleep(1)
        assert moving.moved > 64 * KIB
        moving.cancel()

    run(main())


# Whatever ends it.


def cancel(moving: Transfer, ends: Ends) -> None:
    moving.cancel()


def lose_source(moving: Transfer, ends: Ends) -> None:
    ends.sender.abort()


def lose_sink(moving: Transfer, ends: Ends) -> None:
    ends.reader.abort()


@pytest.mark.parametrize(
    "end, error", [(cancel, SinkGoneError), (lose_source, SourceEndedError), (lose_sink, SinkGoneError)]
)
def test_a_body_that_ends_while_it_waits_leaves_nothing_behind(
    end: Callable[[Transfer, Ends], None], error: type[Exception]
) -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(1.0, BURST)
        moving = await stand_still(ends, pacer, cap)
        end(moving, ends)
        with pytest.raises(error):
            await moving.finished()
        await asyncio.sleep(1)
        assert ends.are_clean
        assert is_idle(pacer)
        assert cap.taken == 64 * KIB
        await asyncio.sleep(100)
        assert moving.moved == 64 * KIB

    run(main())


@pytest.mark.parametrize("framing, raw", [(LengthBody(10), b"x" * 10), (ChunkedBody(), b"bad!\r\n")])
def test_a_body_that_ends_with_its_first_bytes_gives_back_the_rest_of_its_quantum(framing: Framing, raw: bytes) -> None:
    async def main() -> None:
        ends, pacer, cap = await memory_ends(), new_pacer(), Bucket(MIB, BURST)
        await announced(ends, 1000, raw)
        moving = Relay(ends.source, ends.sink, framing, LIMIT)
        moving.flow = paced(pacer, cap)
        moving.start(b"")
        assert moving.is_done
        assert cap.taken == moving.moved

    run(main())


# Splice.


@on_both_loops
def test_a_spliced_body_arrives_whole_and_at_its_pace(loops: Loops) -> None:
    body = noise(4 * MIB)

    async def main() -> None:
        async with socket_ends() as ends:
            pacer, cap = new_pacer(), Bucket(20 * MIB, 0.01)
            moving = await begin(ends, len(body), body[:1000])
            assert isinstance(moving, Splice)
            moving.flow = paced(pacer, cap)
            began = now()
            moving.start(b"HEAD")
            ends.sender.transport.write(body[1000:] + b"NEXT")
            assert await ends.reader.read_exactly(4 + len(body)) == b"HEAD" + body
            await moving.finished()
            assert now() - began >= 0.17  # of 0.2 s less the burst and the last quantum
            assert cap.taken == len(body)
            assert is_idle(pacer)
            await until(lambda: ends.source.unread == b"NEXT")

    run_on_sockets(loops, main())


@on_both_loops
def test_a_spliced_body_that_waits_watches_nothing_and_may_be_cancelled(loops: Loops) -> None:
    async def main() -> None:
        async with socket_ends() as ends:
            pacer, cap = new_pacer(), Bucket(1.0, 0.01)
            moving = await begin(ends, MIB)
            assert isinstance(moving, Splice)
            moving.flow = flow = paced(pacer, cap)
            moving.start(b"")
            ends.sender.transport.write(noise(MIB))
            await until(lambda: flow.awaits_quantum)
            assert (moving.moved, moving._watched_fd, moving.awaits_source) == (64 * KIB, -1, False)
            assert await ends.reader.read_exactly(64 * KIB) == noise(MIB)[: 64 * KIB]
            moving.cancel()
            await asyncio.sleep(2 * FINE_TICK)
            assert is_idle(pacer)
            assert cap.taken == 64 * KIB

    run_on_sockets(loops, main())
