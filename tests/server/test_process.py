"""What the supervisor knows of a worker by what that says. How it starts and ends is tested with the pool."""

import asyncio
from collections.abc import Sequence
from typing import cast

from s3edge.server.channel import Channel
from s3edge.server.messages import Ask, Beat, Counts, Message
from s3edge.server.process import WorkerProcess
from s3edge.telemetry.meter import Columns

ONE: Columns = {"s3edge_workers": ([], [1.0])}
OTHER: Columns = {"s3edge_tenant_waits_total": (["rag"], [2.0])}
MORE: Columns = {"s3edge_tenant_waits_total": (["training"], [3.0])}


class Said:
    """A line on which a worker says these things."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.told: list[Message] = []

    async def receive(self) -> Message | None:
        return self.messages.pop(0)

    def send(self, message: Message) -> None:
        self.told.append(message)


def counts(part: int, columns: Columns) -> Counts:
    return Counts(part=part, columns=columns)


def beat(question: int = 0, *, has_counts: bool = False) -> Beat:
    return Beat(question=question, lag=0.0, cpu=0.0, resident=0, has_counts=has_counts)


async def heard(*messages: Message) -> WorkerProcess:
    line = Said(*messages)
    worker = WorkerProcess(0, cast(asyncio.subprocess.Process, None), cast(Channel, line))
    for _ in messages:
        await worker.receive(1.0)
    return worker


def counted(messages: Sequence[Message]) -> Columns:
    return asyncio.run(heard(*messages)).counts


def test_counts_are_known_once_all_parts_are_there() -> None:
    parts: list[Message] = [counts(0, ONE), counts(1, OTHER), counts(2, MORE)]
    assert counted(parts) == {}
    assert counted([*parts, beat()]) == {}, "a beat without counts came between"
    assert counted([*parts, beat(has_counts=True)]) == {
        **ONE,
        "s3edge_tenant_waits_total": (["rag", "training"], [2.0, 3.0]),
    }


def test_parts_of_a_telling_that_was_broken_off_are_dropped() -> None:
    assert counted([counts(0, ONE), counts(1, OTHER), counts(0, MORE), beat(has_counts=True)]) == MORE


def test_counts_stay_until_all_of_the_next_ones_are_there() -> None:
    first: list[Message] = [counts(0, ONE), beat(has_counts=True)]
    assert counted([*first, beat(), counts(0, OTHER)]) == ONE
    assert counted([*first, counts(0, OTHER), beat(has_counts=True)]) == OTHER


def test_who_asked_is_answered_by_the_beat_that_echoes_the_question() -> None:
    async def main() -> None:
        line = Said(counts(0, ONE), beat(7, has_counts=True))
        worker = WorkerProcess(0, cast(asyncio.subprocess.Process, None), cast(Channel, line))
        answer = worker.ask(7)
        assert line.told == [Ask(question=7)]
        await worker.receive(1.0)
        assert not answer.done()
        await worker.receive(1.0)
        assert answer.done()
        assert worker.counts == ONE

    asyncio.run(main())
