"""Readers on real sockets, in front of a node that misbehaves."""

import asyncio

import pytest

from loadtests.load import Load
from loadtests.readers import Reader, Run, closed_loop, open_loop
from loadtests.records import Record
from tests.support.faults import (
    AnswersLate,
    DiesAfter,
    EndsAfter,
    Fails,
    Fault,
    NeverAnswers,
    OtherObject,
    Refuses,
    Resets,
    SendsGarbage,
    WrongLength,
)
from tests.support.serving import serving

LOAD = Load(1.0, sizes={64 * 1024: 1}, ranged=0.0, patience=0.2)


async def records_of(count: int, *faults: Fault) -> tuple[list[Record], int]:
    """What one reader records of `count` requests to a node with `faults`, and how often it connected."""
    async with serving(*faults) as service:
        run = Run(service.port, LOAD)
        reader = Reader(run)
        for _ in range(count):
            await reader.read(run.began)
        reader.close()
        return run.records, service.storage.stats()["accepted"]


@pytest.mark.parametrize(
    "fault, outcome",
    [
        (DiesAfter(1000), "truncated"),
        (EndsAfter(1000), "truncated"),
        (Resets(), "reset"),
        (NeverAnswers(), "timed out"),
        (Fails(503, "SlowDown"), "503 SlowDown"),
        (SendsGarbage(), "malformed"),
        (OtherObject(generation=99), "wrong head"),
        (WrongLength(-1), "wrong head"),
        (Refuses(), "refused"),
    ],
)
def test_a_failure_is_recorded_as_what_it_is_and_not_tried_again(fault: Fault, outcome: str) -> None:
    records, connections = asyncio.run(records_of(1, fault))
    assert [record.outcome for record in records] == [outcome]
    assert connections == (0 if outcome == "refused" else 1)


def test_a_connection_serves_one_request_after_the_other_errors_included() -> None:
    records, connections = asyncio.run(records_of(4, Fails(500, every=2)))
    assert [record.outcome for record in records] == ["500 InternalError", "ok"] * 2
    assert connections == 1


def test_a_good_request_is_recorded_with_its_times_and_its_size() -> None:
    (record,), _ = asyncio.run(records_of(1, AnswersLate(0.05)))
    assert (record.outcome, record.size) == ("ok", 64 * 1024)
    assert record.first_byte is not None
    assert 0.05 <= record.first_byte <= record.took


async def looped(load: Load, seconds: float, *faults: Fault) -> Run:
    async with serving(*faults) as service:
        run = Run(service.port, load)
        is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, is_over.set)
        await (open_loop if load.rate else closed_loop)(run, is_over)
        return run


def test_in_an_open_loop_requests_are_due_at_their_rate_whatever_the_answers_take() -> None:
    run = asyncio.run(looped(Load(1.0, sizes={1: 1}, rate=100.0, patience=5.0), 0.2, AnswersLate(0.3)))
    due = sorted(record.started for record in run.records)
    assert due == pytest.approx([number / 100 for number in range(1, len(due) + 1)])
    assert {record.outcome for record in run.records} == {"ok"}
    assert min(record.took for record in run.records) >= 0.3
    assert len(due) > 3  # with one request after the other the first would not be over yet


def test_in_a_closed_loop_each_reader_has_one_request_under_way_and_all_bytes_are_counted() -> None:
    load = Load(1.0, readers=3, sizes={4096: 1}, ranged=0.0)
    run = asyncio.run(looped(load, 0.1))
    assert len(run.records) > 3
    assert {record.outcome for record in run.records} == {"ok"}
    assert sum(run.received) > len(run.records) * 4096  # heads, too


def test_what_is_cancelled_at_the_end_counts_as_timed_out() -> None:
    async def ended() -> list[Record]:
        async with serving(NeverAnswers()) as service:
            run = Run(service.port, Load(1.0, readers=2))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(closed_loop(run, asyncio.Event()), 0.1)
            return run.records

    assert [record.outcome for record in asyncio.run(ended())] == ["timed out"] * 2
