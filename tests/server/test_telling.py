"""What a worker counted, as it tells the supervisor."""

import asyncio

from s3edge.server.messages import (
    Ask,
    Beat,
    Counts,
)
from tests.server.working import LIMIT, Path, run, working


def test_it_beats_without_being_asked_and_tells_its_counts() -> None:
    async def scenario() -> None:
        path = Path()
        path.meter.connections_accepted = 5
        async with working(path) as (line, _), asyncio.timeout(LIMIT):
            counts, beat = await line.channel.receive(), await line.channel.receive()
            assert isinstance(counts, Counts)
            assert (counts.part, counts.columns["s3edge_connections_total"]) == (0, ([], [5]))
            assert isinstance(beat, Beat)
            assert (beat.question, beat.has_counts) == (0, True)
            assert beat.cpu > 0
            assert beat.resident > 1_000_000

    run(scenario)


def test_it_answers_a_question_at_once_with_fresh_counts() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _):
            path.meter.connections_accepted = 6
            line.send(Ask(question=7))
            beat = await line.expect(Beat)
            assert isinstance(beat, Beat)
            assert (beat.question, beat.has_counts) == (7, True)
            assert line.counts["s3edge_connections_total"] == ([], [6])

    run(scenario)


def test_two_questions_at_once_are_answered_by_one_telling() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _), asyncio.timeout(LIMIT):
            await line.settle()
            line.send(Ask(question=7))
            line.send(Ask(question=8))
            told: list[tuple[int, bool]] = []
            parts = 0
            while not told or told[-1][0] != 8:
                message = await line.channel.receive()
                parts += isinstance(message, Counts)
                if isinstance(message, Beat) and message.question:
                    told.append((message.question, message.has_counts))
            assert told in ([(7, True), (8, False)], [(7, True), (8, True)])
            assert parts >= sum(has_counts for _, has_counts in told)

    run(scenario)


def test_counts_of_a_thousand_tenants_come_in_parts_between_which_the_loop_turns() -> None:
    async def scenario() -> None:
        path, turned = Path(), 0
        for number in range(5000):
            path.meter.attempt(f"node-{number}", "done")

        def turn() -> None:
            nonlocal turned
            turned += 1
            asyncio.get_running_loop().call_soon(turn)

        async with working(path) as (line, _), asyncio.timeout(LIMIT):
            await line.settle()
            turn()
            line.send(Ask(question=7))
            parts: list[Counts] = []
            while not isinstance(message := await line.channel.receive(), Beat) or message.question != 7:
                if isinstance(message, Counts):
                    parts = [message] if message.part == 0 else [*parts, message]
            assert [part.part for part in parts] == list(range(len(parts)))
            assert len(parts) >= 5
            assert turned >= len(parts)
            attempts = [number for part in parts for number in part.columns.get("s3edge_attempts_total", ([], []))[1]]
            assert attempts == [1.0] * 5000

    run(scenario)
