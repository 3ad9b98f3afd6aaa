"""Bodies that are kept while they move on: how much, at whose expense, and that the memory comes back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.body import BadBodyError, Body, ChunkedBody, LengthBody
from s3edge.transport.recording import ROOM, Kept, Recording, Room
from s3edge.transport.transfer import SinkGoneError
from tests.support.virtual_time import run
from tests.transport.ends import Ends, memory_ends
from tests.transport.relaying import LIMIT, announced


def recording(ends: Ends, body: Body, kept: Kept) -> Recording:
    return Recording(ends.source, ends.sink, body, LIMIT, kept)


def told(kept: Kept) -> bytes | None:
    """What is kept, None if nothing can be."""
    return None if kept.data is None else bytes(kept.data)


# Room and Kept.


def test_a_room_gives_what_it_has_and_no_byte_more() -> None:
    room = Room(100)
    assert [room.take(60), room.take(41), room.take(40), room.take(1)] == [True, False, True, False]
    assert room.used == 100
    room.give_back(60)
    assert (room.take(60), room.used) == (True, 100)


def test_a_worker_keeps_at_most_64_mib() -> None:
    room = Room()
    assert (room.take(ROOM), room.take(1), ROOM) == (True, False, 64 * 2**20)


def test_a_body_is_kept_up_to_its_limit_and_then_not_at_all() -> None:
    room = Room(1000)
    kept = Kept(10, room)
    kept.add(b"12345")
    kept.add(memoryview(b"67890"))
    assert (told(kept), room.used) == (b"1234567890", 10)
    kept.add(b"x")
    assert (kept.data, kept.is_all, room.used) == (None, False, 0)
    kept.add(b"y")
    assert (kept.data, room.used) == (None, 0), "what came before is missing, so that the rest is of no use"


def test_bodies_share_one_room() -> None:
    room = Room(10)
    first, second = Kept(10, room), Kept(10, room)
    first.add(b"123456")
    second.add(b"12345")
    assert (told(first), told(second), room.used) == (b"123456", None, 6)
    first.forget()
    first.forget()
    assert (first.data, room.used) == (None, 0)


@given(
    room_size=st.integers(0, 60),
    limits=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    pieces=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=30),
)
def test_kept_bodies_never_take_more_than_the_room_and_always_give_it_back(
    room_size: int, limits: list[int], pieces: list[tuple[int, int]]
) -> None:
    room = Room(room_size)
    bodies = [Kept(limit, room) for limit in limits]
    sent = [b""] * len(bodies)
    for number, size in pieces:
        which = number % len(bodies)
        bodies[which].add(bytes([size]) * size)
        sent[which] += bytes([size]) * size
        held = [body.data for body in bodies if body.data is not None]
        assert room.used == sum(map(len, held)) <= room_size
        assert bodies[which].data in (None, sent[which])
    for body in bodies:
        body.forget()
    assert room.used == 0


# Recording.


@pytest.mark.parametrize("along", [b"", b"123", b"12345"])
def test_what_goes_on_is_kept_with_what_came_along_with_the_head(along: bytes) -> None:
    async def main() -> None:
        ends = await memory_ends()
        await announced(ends, 5, along)
        kept = Kept(100, Room())
        moving = recording(ends, LengthBody(5), kept)
        moving.start(b"HEAD")
        await ends.sender.send(b"12345"[len(along) :] + b"NEXT", piece=1)
        await moving.finished()
        await asyncio.sleep(1)
        assert ends.reader.received == b"HEAD12345"
        assert (told(kept), ends.source.unread) == (b"12345", b"NEXT")

    run(main())


def test_a_chunked_body_is_kept_with_its_chunks() -> None:
    chunks = b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n"

    async def main() -> None:
        ends = await memory_ends()
        kept = Kept(100, Room())
        moving = recording(ends, ChunkedBody(), kept)
        moving.start(b"")
        await ends.sender.send(chunks, piece=4)
        await moving.finished()
        assert told(kept) == chunks

    run(main())


def test_a_body_that_is_too_large_moves_on_without_being_kept() -> None:
    async def main() -> None:
        ends = await memory_ends()
        room = Room()
        kept = Kept(1000, room)
        moving = recording(ends, LengthBody(5000), kept)
        moving.start(b"")
        await ends.sender.send(b"x" * 5000, piece=500)
        await moving.finished()
        await asyncio.sleep(1)
        assert (len(ends.reader.received), moving.moved) == (5000, 5000)
        assert (kept.data, room.used) == (None, 0)

    run(main())


def test_of_a_body_that_turns_bad_only_what_went_on_is_kept() -> None:
    async def main() -> None:
        ends = await memory_ends()
        kept = Kept(1000, Room())
        moving = recording(ends, ChunkedBody(), kept)
        moving.start(b"")
        await ends.sender.send(b"1\r\na\r\n")
        await asyncio.sleep(1)
        await ends.sender.send(b"zz\r\n")
        with pytest.raises(BadBodyError):
            await moving.finished()
        assert told(kept) == b"1\r\na\r\n"

    run(main())


def test_a_body_whose_first_sink_failed_goes_to_a_second_whole() -> None:
    async def main() -> None:
        ends = await memory_ends()
        kept, body = Kept(1000, Room()), LengthBody(10)
        first = recording(ends, body, kept)
        first.start(b"FIRST")
        await ends.sender.send(b"1234")
        await asyncio.sleep(1)
        ends.reader.abort()
        with pytest.raises(SinkGoneError):
            await first.finished()
        await ends.sender.send(b"56")  # while nobody takes it
        await asyncio.sleep(1)
        other = await memory_ends()
        other.source = ends.source
        assert told(kept) == b"1234"
        second = recording(other, body, kept)
        second.start(b"SECOND1234")
        await ends.sender.send(b"7890")
        await second.finished()
        await asyncio.sleep(1)
        assert (bytes(other.reader.received), told(kept)) == (b"SECOND1234567890", b"1234567890")

    run(main())
