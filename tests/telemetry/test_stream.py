import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.events import NodeTurned
from s3edge.telemetry.journal import Entry
from s3edge.telemetry.stream import KEPT, Batch, EventStream
from tests.support.virtual_time import run

# Seconds since 1970 when the clock of the loop shows 0.
EPOCH = 1_700_000_000.0


def entries(*texts: str, at: float = 0.0) -> list[Entry]:
    """Events of a worker."""
    return [Entry(at, "Retried", "info", "n1", text) for text in texts]


def stream_at(now: float = 0.0) -> EventStream:
    """A stream whose clocks stand still."""
    return EventStream(lambda: now, lambda: EPOCH + now)


def texts(batch: Batch) -> list[str]:
    return [told.entry.text for told in batch.events]


def numbered(count: int) -> list[Entry]:
    return entries(*map(str, range(1, count + 1)))


def test_events_of_all_processes_are_numbered_in_one_row_and_get_the_time_of_people() -> None:
    stream = stream_at(now=50.0)
    stream.add(3, entries("first", at=49.5))
    stream.report(NodeTurned("n1", None, "down", "no answer within 1 s"))
    first, second = stream.since(None).events
    assert (first.sequence, first.time, first.worker, first.entry.text) == (1, EPOCH + 49.5, 3, "first")
    assert (second.sequence, second.time, second.worker) == (2, EPOCH + 50.0, None)
    assert second.entry == Entry(50.0, "NodeTurned", "info", "n1", "n1 is down: no answer within 1 s")


def test_what_came_after_an_event_is_given_and_nothing_twice() -> None:
    stream = stream_at()
    stream.add(0, entries("a", "b", "c"))
    batch = stream.since(1)
    assert (batch.missed, texts(batch), batch.last) == (0, ["b", "c"], 3)
    assert stream.since(batch.last) == Batch(0, [], 3)
    assert texts(stream.since(0)) == ["a", "b", "c"]


def test_a_viewer_that_was_left_behind_is_told_how_many_events_it_missed() -> None:
    stream = stream_at()
    stream.add(0, numbered(KEPT + 7))
    batch = stream.since(2)
    assert (batch.missed, len(batch.events), batch.events[0].sequence) == (5, KEPT, 8)
    assert stream.since(7).missed == 0
    assert stream.since(8).events[0].sequence == 9


@given(st.lists(st.tuples(st.integers(0, KEPT // 2 * 3), st.booleans()), max_size=12))
def test_every_event_is_seen_once_or_counted_as_missed(steps: list[tuple[int, bool]]) -> None:
    """Each step: some events come, and then the viewer may look."""
    stream, seen, missed, place = stream_at(), list[int](), 0, 0
    total = 0
    for count, is_looking in [*steps, (0, True)]:
        stream.add(0, entries("") * count)
        total += count
        if is_looking:
            batch = stream.since(place)
            place, missed = batch.last, missed + batch.missed
            seen += [told.sequence for told in batch.events]
    assert seen == sorted(set(seen))
    assert len(seen) + missed == total == place


def test_a_new_viewer_gets_what_is_kept_and_has_missed_nothing() -> None:
    stream = stream_at()
    stream.add(0, numbered(KEPT + 7))
    batch = stream.since(None)
    assert (batch.missed, len(batch.events), batch.last) == (0, KEPT, KEPT + 7)


def test_a_number_from_before_a_restart_gets_what_is_kept() -> None:
    stream = stream_at()
    stream.add(0, entries("a"))
    assert texts(stream.since(40_000)) == ["a"]


def test_a_viewer_waits_for_news_and_gets_them_at_once() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        stream = EventStream(loop.time, loop.time)
        loop.call_later(4.0, lambda: stream.add(0, entries("a", "b")))
        batch = await stream.next_after(None, 15.0)
        assert (loop.time(), texts(batch)) == (4.0, ["a", "b"])
        loop.call_later(1.0, lambda: stream.add(0, entries("c")))
        assert texts(await stream.next_after(batch.last, 15.0)) == ["c"]
        assert loop.time() == 5.0

    run(scenario())


def test_what_is_there_already_is_not_waited_for() -> None:
    async def scenario() -> None:
        stream = stream_at()
        stream.add(0, entries("a"))
        assert texts(await stream.next_after(0, 15.0)) == ["a"]
        assert asyncio.get_running_loop().time() == 0.0

    run(scenario())


def test_a_quiet_stream_gives_a_sign_of_life() -> None:
    async def scenario() -> None:
        stream = stream_at()
        assert await stream.next_after(None, 15.0) == Batch(0, [], 0)
        assert asyncio.get_running_loop().time() == 15.0

    run(scenario())


def test_every_viewer_gets_every_event() -> None:
    async def scenario() -> None:
        stream = stream_at()
        viewers = [asyncio.create_task(stream.next_after(0, 15.0), name=f"viewer {number}") for number in range(50)]
        asyncio.get_running_loop().call_later(1.0, lambda: stream.add(0, entries("a")))
        assert [texts(batch) for batch in await asyncio.gather(*viewers)] == [["a"]] * 50

    run(scenario())


@pytest.mark.parametrize("is_waiting", [True, False])
def test_at_the_end_nobody_waits_any_more(is_waiting: bool) -> None:
    async def scenario() -> None:
        loop, stream = asyncio.get_running_loop(), stream_at()
        if is_waiting:
            loop.call_later(2.0, stream.end)
        else:
            stream.end()
        assert await stream.next_after(None, 15.0) == Batch(0, [], 0)
        assert loop.time() == (2.0 if is_waiting else 0.0)
        assert stream.is_ended
        stream.add(0, entries("late"))
        assert texts(stream.since(None)) == ["late"]

    run(scenario())
