"""One connection in memory: heads found in whatever pieces they come, bytes held until somebody takes them."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.errors import ClientError
from s3edge.transport.connection import MAX_UNREAD, ConnectionGoneError
from s3edge.transport.inbox import HEAD_ROOM
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import (
    HEAD_LIMIT,
    LineHead,
    TooLargeError,
    TooSlowError,
    line,
    pair,
)


def cut(data: bytes, marks: Iterable[int]) -> list[bytes]:
    """`data` cut at these places."""
    places = sorted({0, len(data), *(mark % (len(data) + 1) for mark in marks)})
    return [data[start:end] for start, end in pairwise(places)]


async def heads_of(pieces: Iterable[bytes], count: int) -> tuple[list[LineHead], bytes]:
    """The first `count` heads that come in `pieces`, each in a turn of its own, and what is unread then."""
    connection, peer = await pair()

    async def send() -> None:
        for piece in pieces:
            peer.transport.write(piece)
            await asyncio.sleep(0.001)

    sending = asyncio.create_task(send(), name="sender")
    heads = [await connection.head() for _ in range(count)]
    await sending
    await asyncio.sleep(1)
    return heads, connection.unread


THREE_HEADS = line(0, "one") + line(0, "two") + line(5, "three") + b"hello"


@pytest.mark.parametrize("size", [len(THREE_HEADS), 20, 7, 2, 1])
def test_heads_are_found_in_pieces_of_any_size(size: int) -> None:
    pieces = [THREE_HEADS[start : start + size] for start in range(0, len(THREE_HEADS), size)]
    heads, _ = run(heads_of(pieces, 3))
    assert heads == [
        LineHead(line(0, "one"), 0),
        LineHead(line(0, "two"), 0),
        LineHead(line(5, "three"), 5),
    ]


@given(st.lists(st.integers(0, 1000)))
def test_heads_are_found_wherever_they_are_cut(marks: list[int]) -> None:
    heads, _ = run(heads_of(cut(THREE_HEADS, marks), 3))
    assert [head.raw.split()[1] for head in heads] == [b"one", b"two", b"three"]


def test_what_follows_a_head_stays_unread() -> None:
    heads, unread = run(heads_of([THREE_HEADS], 2))
    assert len(heads) == 2
    assert unread == line(5, "three") + b"hello"


def test_no_head_of_a_burst_that_fills_the_read_buffer_is_lost() -> None:
    """Regression: a second read in the same turn replaced the head that nobody had fetched yet."""
    names = [f"head-{number}" for number in range(12_000)]
    burst = b"".join(line(0, name) for name in names)
    assert len(burst) > 2 * HEAD_ROOM

    async def main() -> list[str]:
        connection, peer = await pair(Link(capacity=len(burst), piece=len(burst)))
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        peer.transport.write(burst)
        heads = [await waiting] + [await connection.head() for _ in names[1:]]
        return [head.raw.split()[1].decode() for head in heads]

    assert run(main()) == names


@pytest.mark.parametrize(
    "length, body, is_reading",
    [(0, b"", True), (0, b"GET", True), (3, b"abc", True), (3, b"abcd", True), (3, b"ab", False), (-1, b"", False)],
)
def test_a_head_holds_the_connection_until_its_body_is_all_there(length: int, body: bytes, is_reading: bool) -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(line(length) + body)
        assert (await connection.head()).length == length
        assert connection.transport.is_reading() is is_reading
        peer.transport.write(b"more")
        await asyncio.sleep(1)
        assert connection.unread == (body + b"more" if is_reading else body)
        connection.go_on()
        connection.go_on()
        await asyncio.sleep(1)
        assert connection.unread == body + b"more"

    run(main())


def test_the_next_head_may_lie_behind_a_hold() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(line(3) + b"ab")
        await connection.head()
        peer.transport.write(b"c" + line(0, "next"))
        connection.unread = b""  # whoever took the body
        connection.go_on()
        await asyncio.sleep(1)
        connection.unread = connection.unread.removeprefix(b"c")
        connection.hold()
        assert (await connection.head()).raw == line(0, "next")
        assert connection.transport.is_reading()

    run(main())


def test_a_part_of_a_head_is_waited_for_although_the_connection_was_held() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(b"0 part")
        await asyncio.sleep(1)
        connection.hold()
        peer.transport.write(b"ial\r\n\r\n")
        assert (await connection.head()).raw == line(0, "partial")

    run(main())


def test_a_connection_keeps_little_of_what_nobody_asks_for() -> None:
    async def main() -> None:
        connection, peer = await pair(Link(capacity=10_000, piece=10_000))
        await peer.send(line(0, "first"))
        assert (await connection.head()).length == 0
        peer.transport.write(line(0, "x" * 50) * 20_000)
        await asyncio.sleep(1)
        assert MAX_UNREAD < len(connection.unread) <= MAX_UNREAD + 10_000
        assert not connection.transport.is_reading()
        for _ in range(20_000):
            await connection.head()
        assert connection.unread == b""
        assert connection.transport.is_reading()

    run(main())


@pytest.mark.parametrize("size", [HEAD_LIMIT + 1, 100, 1])
def test_a_head_may_be_as_large_as_the_limit_and_not_a_byte_larger(size: int) -> None:
    largest = line(0, "x" * (HEAD_LIMIT - 6))
    too_large = line(0, "x" * (HEAD_LIMIT - 5))
    assert len(largest) == HEAD_LIMIT

    async def main() -> None:
        for head in (largest, too_large):
            connection, peer = await pair()
            sending = asyncio.create_task(peer.send(head, piece=size), name="sender")
            if head is largest:
                assert (await connection.head()).raw == largest
            else:
                with pytest.raises(TooLargeError):
                    await connection.head()
            await sending

    run(main())


def test_a_head_that_never_ends_is_given_up_at_the_limit() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(b"0" * HEAD_LIMIT)
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(1)
        assert not waiting.done()
        peer.transport.write(b"0")
        with pytest.raises(TooLargeError):
            await waiting

    run(main())


def test_a_small_head_before_much_body_is_not_too_large() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(line(50_000) + bytes(50_000))
        assert (await connection.head()).length == 50_000

    run(main())


def test_a_head_that_is_not_well_formed_raises_what_the_parser_says() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(b"bad head\r\n\r\n")
        with pytest.raises(ClientError, match="bad head"):
            await connection.head()
        with pytest.raises(ClientError, match="bad head"):
            await connection.head()

    run(main())


@pytest.mark.parametrize("sent", [b"", b"0 a part of a head"])
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_peer_that_leaves_ends_the_wait_for_a_head(sent: bytes, is_reset: bool) -> None:
    async def main() -> None:
        connection, peer = await pair()
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        peer.transport.write(sent)
        await asyncio.sleep(1)
        peer.abort() if is_reset else peer.transport.close()
        with pytest.raises(ConnectionGoneError):
            await waiting
        await asyncio.sleep(0)
        assert connection.is_lost
        with pytest.raises(ConnectionGoneError):
            await connection.head()

    run(main())


def test_a_head_that_came_before_the_end_is_still_there_after_it() -> None:
    async def main() -> None:
        connection, peer = await pair()
        peer.transport.write(line(0, "last"))
        peer.transport.close()
        await asyncio.sleep(1)
        assert connection.is_lost
        assert (await connection.head()).raw == line(0, "last")
        with pytest.raises(ConnectionGoneError):
            await connection.head()

    run(main())


def test_a_failure_reaches_whoever_waits_now_or_later_and_the_first_one_counts() -> None:
    async def main() -> None:
        connection, _ = await pair()
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        awaited = [connection.awaits_head]
        connection.fail(KeyError("first"))
        connection.fail(KeyError("second"))
        awaited.append(connection.awaits_head)
        assert awaited == [True, False]
        for wait in (waiting, connection.head()):
            with pytest.raises(KeyError, match="first"):
                await wait

    run(main())


def test_a_head_that_was_found_comes_before_a_failure() -> None:
    async def main() -> None:
        connection, peer = await pair()
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        peer.transport.write(line(0))
        await asyncio.sleep(0)
        connection.fail(KeyError("too late"))
        assert (await waiting).length == 0
        with pytest.raises(KeyError, match="too late"):
            await connection.head()

    run(main())


def test_the_limit_for_a_head_ends_the_wait_for_it_within_a_tick() -> None:
    async def main() -> float:
        connection, _ = await pair()
        connection.timer.set(10)
        with pytest.raises(TooSlowError):
            await connection.head()
        return asyncio.get_running_loop().time()

    assert run(main()) == 10.25


def test_a_wait_that_is_cancelled_loses_no_head() -> None:
    async def main() -> None:
        connection, peer = await pair()
        waiting = asyncio.create_task(connection.head(), name="head")
        peer.transport.write(b"0 a")
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not connection.awaits_head
        peer.transport.write(b"\r\n\r\n")
        assert (await connection.head()).raw == line(0, "a")

    run(main())
