"""A worker's obedience, in the test's own process: the supervisor's end of the line is the test's."""

import asyncio
import json
import os
import signal
import socket
import threading

import pytest

from s3edge.config.log import Format, Log
from s3edge.config.policy import Policy
from s3edge.events import NodeProbed, NodeReturned
from s3edge.qos.activity import Report
from s3edge.server.channel import open_channel
from s3edge.server.messages import (
    Ask,
    AskFlows,
    Beat,
    Configure,
    Counts,
    Drain,
    Failed,
    FlowsFound,
    Hold,
    Message,
    NodeResolved,
    NodeTurned,
    Ready,
    Reload,
    Reopen,
)
from s3edge.server.worker import work
from s3edge.telemetry.flows import Found, Query
from tests.server.stand_in import refuse
from tests.server.working import CONFIG, LIMIT, RAG, Path, run, started, working


def test_it_says_which_flows_it_has_and_a_fault_in_that_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    class Blind(Path):
        """Cannot say it the first time."""

        looks = 0

        async def flows(self, query: Query) -> Found:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("never thought of")
            return await super().flows(query)

    async def scenario() -> None:
        async with working(Blind()) as (line, _):
            line.send(AskFlows(question=7, query=Query()))
            line.send(AskFlows(question=8, query=Query()))
            assert await line.expect(FlowsFound) == FlowsFound(question=8, found=Found(0, 0, ()))
            await line.settle()

    run(scenario)
    assert "RuntimeError: never thought of" in capsys.readouterr().err


def test_events_come_with_the_next_beat_and_only_once() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _):
            path.journal.record(NodeProbed("n1", None))
            path.journal.record(NodeReturned("n1", None))
            told: list[str] = []
            for question in (1, 2):
                line.send(Ask(question=question))
                told += await line.events_until(question)
            assert told == ["n1 is tried by one request", "n1 takes requests again"]

    run(scenario)


def test_what_happens_in_a_drain_is_told_before_the_worker_ends() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            line.send(Drain(seconds=3.5))
            await line.settle()
            path.meter.connections_accepted = 8
            path.journal.record(NodeProbed("n1", None))
            path.may_end.set()
            assert await task == 0
            beats: list[Message] = []
            while (message := await line.channel.receive()) is not None:
                beats.append(message)
            counts, last = beats[-2:]
            assert isinstance(counts, Counts)
            assert counts.columns["s3edge_connections_total"][1] == [8]
            assert isinstance(last, Beat)
            assert last.has_counts
            assert [event.text for beat in beats if isinstance(beat, Beat) for event in beat.events] == [
                "n1 is tried by one request"
            ]

    run(scenario)


def test_a_late_loop_shows_in_the_next_beat_and_not_in_those_after() -> None:
    async def scenario() -> None:
        path, lags = Path(), list[float]()
        async with working(path) as (line, _), asyncio.timeout(LIMIT):
            threading.Event().wait(0.3)  # holds the whole loop, as a long computation would
            while len(lags) < 2:
                beat = await line.channel.receive()
                if isinstance(beat, Beat):
                    lags.append(beat.lag)
        assert lags[0] > 0.1 > lags[1]

    run(scenario)


def test_facts_reach_the_data_path_before_it_serves_and_while_it_does() -> None:
    async def scenario() -> None:
        path = Path()
        facts = (NodeResolved(node="n1", addresses=("10.0.0.1", "10.0.0.2")), NodeTurned(node="n1", is_up=False))
        async with working(path, facts) as (line, _):
            assert path.told == {"n1@": "10.0.0.1+10.0.0.2", "n1": "down"}
            line.send(NodeTurned(node="n1", is_up=True))
            await line.settle()
            assert path.told["n1"] == "up"
            line.send(NodeTurned(node="n1", is_up=True, share=0.25))
            await line.settle()
            assert path.told["n1"] == "up at 0.25"

    run(scenario)


def test_holds_reach_the_data_path_before_it_serves_and_while_it_does() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path, (Hold(source=RAG, rate=5.0, bandwidth=None),)) as (line, _):
            assert path.told == {"tenant rag": "5.0 requests/s, None bytes/s"}
            line.send(Hold(source=RAG, rate=2.5, bandwidth=1e6))
            await line.settle()
            assert path.told == {"tenant rag": "2.5 requests/s, 1000000.0 bytes/s"}

    run(scenario)


def test_what_sources_did_comes_with_the_next_beat_and_only_once() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _):
            path.done = {"p": [("tenant", "rag", [1] * 10, [7])]}
            reports: list[dict[str, Report]] = []
            for question in (1, 2):
                line.send(Ask(question=question))
                async with asyncio.timeout(LIMIT):
                    while not isinstance(beat := await line.channel.receive(), Beat) or beat.question != question:
                        if isinstance(beat, Beat):
                            reports.append(beat.activity)
                    reports.append(beat.activity)
            assert [report for report in reports if report] == [{"p": [("tenant", "rag", [1] * 10, [7])]}]

    run(scenario)


def test_other_settings_reach_the_data_path_while_it_serves() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _):
            policies = (Policy.model_validate({"policy": "p", "weight": 2}),)
            line.send(Configure(settings=CONFIG.model_copy(update={"policies": policies}).model_dump_json()))
            await line.settle()
            assert path.told == {"p": "weight 2.0"}

    run(scenario)


def test_a_worker_that_can_no_longer_be_told_anything_drains() -> None:
    async def scenario() -> None:
        path = Path()
        path.may_end.set()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            line.send(Configure(settings="{}"))
            assert await task == 0
            assert path.drained_for == [CONFIG.drain]

    run(scenario)


def test_a_drain_takes_the_time_it_is_given_and_the_worker_lives_on_meanwhile() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            line.send(Drain(seconds=3.5))
            await line.settle()
            await line.settle()
            assert path.drained_for == [3.5]
            path.may_end.set()
            assert await task == 0

    run(scenario)


def test_a_second_drain_changes_nothing() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            line.send(Drain(seconds=3.5))
            line.send(Drain(seconds=1.0))
            await line.settle()
            path.may_end.set()
            assert await task == 0
            assert path.drained_for == [3.5]

    run(scenario)


def test_sigterm_drains_for_the_configured_time() -> None:
    async def scenario() -> None:
        path = Path()
        path.may_end.set()
        async with working(path) as (_, task), asyncio.timeout(LIMIT):
            os.kill(os.getpid(), signal.SIGTERM)
            assert await task == 0
            assert path.drained_for == [CONFIG.drain]

    run(scenario)


def test_a_supervisor_that_vanishes_lets_it_drain_and_exit() -> None:
    async def scenario() -> None:
        path = Path()
        path.may_end.set()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            await line.channel.close()
            assert await task == 0
            assert path.drained_for == [CONFIG.drain]

    run(scenario)


def test_a_bad_new_certificate_is_logged_and_work_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        path = Path()
        path.has_bad_certificate = True
        async with working(path) as (line, task):
            line.send(Reload())
            await line.settle()
            assert not task.done()

    run(scenario)
    assert (
        "keeping the old certificate: cannot read the certificate edge.pem: Permission denied" in capfd.readouterr().err
    )


def test_it_opens_the_access_log_again_when_it_is_told_to() -> None:
    async def scenario() -> None:
        path = Path()
        async with working(path) as (line, _):
            line.send(Reopen())
            await line.settle()
            assert path.told == {"access log": "opened again"}

    run(scenario)


def test_it_logs_by_a_new_configuration_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        path = Path()
        path.has_bad_certificate = True
        async with working(path) as (line, _):
            for log in (Log(format=Format.TEXT), Log(format=Format.JSON)):
                line.send(Configure(settings=CONFIG.model_copy(update={"log": log}).model_dump_json()))
                line.send(Reload())
                await line.settle()

    run(scenario)
    text, line = (line for line in capfd.readouterr().err.splitlines() if "certificate" in line)
    assert " ERROR   worker 0: keeping the old certificate: " in text
    assert json.loads(line)["message"] == text.partition(": ")[2]


def test_a_fault_of_the_configuration_is_told_in_words() -> None:
    async def scenario() -> None:
        async with started(refuse) as (line, task), asyncio.timeout(LIMIT):
            assert await line.expect(Failed) == Failed(reason="the moon is in the way; wait for the next one")
            assert await task == 1

    run(scenario)


def test_a_line_that_brings_nonsense_is_as_good_as_none() -> None:
    async def scenario() -> None:
        path = Path()
        path.may_end.set()
        async with working(path) as (line, task), asyncio.timeout(LIMIT):
            line.channel._writer.write(b"nonsense\n")
            assert await task == 0
            assert path.drained_for == [CONFIG.drain]

    run(scenario)


@pytest.mark.parametrize("first", [None, Ready()])
def test_without_settings_there_is_nothing_to_do(first: Message | None) -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        channel = await open_channel(ours)
        task = asyncio.create_task(work(theirs, refuse), name="worker")
        if first is not None:
            channel.send(first)
        await channel.close()
        async with asyncio.timeout(LIMIT):
            assert await task == 1

    run(scenario)


def test_beats_do_not_pile_up_for_a_supervisor_that_is_stopped() -> None:
    async def scenario() -> None:
        path = Path()
        for number in range(20_000):
            path.meter.attempt(f"node-{number}", "complete")
        async with working(path) as (line, _), asyncio.timeout(LIMIT):
            line.pause()
            await asyncio.sleep(2)  # the time of four beats, each of which is more than the socket holds
            line.resume()
            line.send(Ask(question=1))
            beats = 0
            while not isinstance(beat := await line.channel.receive(), Beat) or beat.question == 0:
                beats += isinstance(beat, Beat)
            assert beats <= 2

    run(scenario)
