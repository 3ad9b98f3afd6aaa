"""Relays that cannot be finished, or stand still: ended at exact times, and on every path."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from s3edge.http1.body import BadBodyError, Body, ChunkedBody, LengthBody, UntilCloseBody
from s3edge.transport.transfer import SinkGoneError, SinkStalledError, SourceEndedError, StalledError
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import memory_ends
from tests.transport.relaying import announced, relay

# Standing still.


def test_a_body_that_never_begins_is_given_up_when_four_looks_found_nothing() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, LengthBody(10))
        transfer.start(b"HEAD")
        with pytest.raises(StalledError):
            await transfer.finished()
        assert asyncio.get_running_loop().time() == 61  # a look every 15 s, each a tick late
        assert ends.are_clean

    run(main())


def test_a_body_that_stops_is_given_up_after_the_limit_and_a_quarter_at_most() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, LengthBody(10))
        transfer.start(b"")
        await asyncio.sleep(59)
        await ends.sender.send(b"x")
        with pytest.raises(StalledError):
            await transfer.finished()
        assert asyncio.get_running_loop().time() == 122  # the look at 61 s found the byte, the fourth one after it none
        assert transfer.moved == 1

    run(main())


def test_a_reader_that_stops_is_given_up_too() -> None:
    async def main() -> None:
        ends = await memory_ends(None, Link(capacity=1000))
        transfer = relay(ends, LengthBody(10_000_000))
        ends.reader.pause()
        transfer.start(b"")
        ends.sender.transport.write(bytes(10_000_000))
        with pytest.raises(SinkStalledError):
            await transfer.finished()
        assert asyncio.get_running_loop().time() == 76.25  # the first look, at 15.25 s, found what it took
        assert ends.are_clean

    run(main())


def test_a_byte_now_and_then_is_enough_for_hours() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, LengthBody(100))
        transfer.start(b"")
        for _ in range(100):
            await asyncio.sleep(59)
            await ends.sender.send(b"x")
        await transfer.finished()

    run(main())


# What goes wrong.


@pytest.mark.parametrize("is_along", [True, False])
def test_a_body_that_is_bad_from_its_first_bytes_sends_nothing_on(is_along: bool) -> None:
    """Regression: the head went out to the node before the first chunk's size was looked at."""
    bad = b"fffffffffffffffff\r\n"

    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, -1, bad if is_along else b"")
        told: list[Exception | None] = []
        transfer = relay(ends, ChunkedBody())
        transfer.start(b"HEAD", told.append)
        if not is_along:
            await ends.sender.send(bad)
        with pytest.raises(BadBodyError):
            await transfer.finished()
        await asyncio.sleep(1)
        assert bytes(ends.reader.received) == (b"" if is_along else b"HEAD")
        assert [type(error) for error in told] == [BadBodyError]
        assert ends.are_clean

    run(main())


def test_a_body_that_turns_bad_ends_there() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, ChunkedBody())
        transfer.start(b"HEAD")
        await ends.sender.send(b"5\r\nhello\r\n")
        await asyncio.sleep(1)
        await ends.sender.send(b"5\r\nhelloX")
        with pytest.raises(BadBodyError, match="CRLF"):
            await transfer.finished()
        assert ends.reader.received == b"HEAD5\r\nhello\r\n"
        assert transfer.moved == 10

    run(main())


@pytest.mark.parametrize("is_reset", [True, False])
@pytest.mark.parametrize("body", [lambda: LengthBody(10), ChunkedBody, UntilCloseBody])
def test_a_source_that_ends_early_cuts_the_body_short(is_reset: bool, body: Callable[[], Body]) -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, body())
        transfer.start(b"")
        await ends.sender.send(b"9\r\n")
        await asyncio.sleep(1)
        ends.sender.abort() if is_reset else ends.sender.transport.close()
        if transfer._body.ends_at_close and not is_reset:
            await transfer.finished()
        else:
            with pytest.raises(SourceEndedError):
                await transfer.finished()
        assert ends.reader.received == b"9\r\n"
        assert ends.are_clean

    run(main())


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_source_that_was_lost_before_the_start_tells_a_reset_from_an_end(is_reset: bool) -> None:
    """Regression: a body until close was taken for complete although its connection had been reset."""

    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, -2, b"all there is")
        ends.source.go_on()
        await asyncio.sleep(1)
        ends.sender.abort() if is_reset else ends.sender.transport.close()
        await asyncio.sleep(1)
        assert ends.source.is_lost
        transfer = relay(ends, UntilCloseBody())
        transfer.start(b"")
        assert transfer.is_done
        assert isinstance(transfer.error, SourceEndedError) is is_reset
        await asyncio.sleep(1)
        assert ends.reader.received == b"all there is"

    run(main())


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_sink_that_is_lost_ends_the_transfer(is_paused: bool) -> None:
    async def main() -> None:
        ends = await memory_ends(None, Link(capacity=1000))
        transfer = relay(ends, LengthBody(10_000_000))
        if is_paused:
            ends.reader.pause()
        transfer.start(b"")
        ends.sender.transport.write(bytes(5_000_000))
        await asyncio.sleep(1)
        assert ends.sink.is_write_paused is is_paused
        ends.reader.abort()
        with pytest.raises(SinkGoneError):
            await transfer.finished()
        assert ends.are_clean

    run(main())


def test_a_sink_that_was_lost_before_the_start_ends_it_at_once() -> None:
    async def main() -> None:
        ends = await memory_ends()
        ends.reader.abort()
        await asyncio.sleep(1)
        told: list[Exception | None] = []
        transfer = relay(ends, LengthBody(10))
        transfer.start(b"HEAD", told.append)
        assert [type(error) for error in told] == [SinkGoneError]
        with pytest.raises(SinkGoneError):
            await transfer.finished()

    run(main())


@pytest.mark.parametrize(
    "when", ["before the start", "before a byte", "in the middle", "while paused", "after the end"]
)
def test_a_transfer_may_be_cancelled_at_any_time(when: str) -> None:
    async def main() -> None:
        ends = await memory_ends(None, Link(capacity=1000))
        told: list[Exception | None] = []
        transfer = relay(ends, LengthBody(1_000_000))
        if when != "before the start":
            transfer.start(b"HEAD", told.append)
        if when == "in the middle":
            await ends.sender.send(bytes(1000))
        elif when == "while paused":
            ends.reader.pause()
            ends.sender.transport.write(bytes(1_000_000))
        elif when == "after the end":
            await ends.sender.send(bytes(1_000_000))
        await asyncio.sleep(1)
        transfer.cancel()
        transfer.cancel()
        assert ends.are_clean
        assert told == ([None] if when == "after the end" else [])

    run(main())


def test_a_waiter_that_is_cancelled_leaves_the_transfer_to_its_owner() -> None:
    async def main() -> None:
        ends = await memory_ends()
        transfer = relay(ends, LengthBody(5))
        transfer.start(b"")
        waiting = asyncio.create_task(transfer.finished(), name="waiter")
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not transfer.is_done
        await ends.sender.send(b"hello")
        await transfer.finished()
        assert cast(Any, ends.source).inflow is None

    run(main())
