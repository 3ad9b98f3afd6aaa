"""The runaway guard at work: an edge that counts, a supervisor that judges, and holds that reach what is under way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from s3edge.config.model import Config
from s3edge.events import Event
from s3edge.qos.activity import Source
from s3edge.server.guard import SourceWatch
from s3edge.server.messages import MESSAGE, Beat, Fact, Hold
from tests.scenarios.reader import get, read
from tests.scenarios.scene import Scene, now, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, policy
from tests.support.edge import config_for
from tests.support.faults import AnswersLate, Fails, Trickles
from tests.support.storage import Storage
from tests.support.virtual_time import run

KIB, MIB = 1024, 1024 * 1024
KEY = "/bucket/1000B"
# Seconds after the start of the edge: the guard has got to know everybody.
KNOWN = 61.0
# A node that works on each request for 20 ms, and one that by itself gives 16 MiB/s to each body.
WORKING = AnswersLate(0.02)
STEADY = Trickles(size=64 * KIB, seconds=1 / 256)
WILD_ADDRESS = "192.0.2.66"
WILD = Source("tenant", TRAINING)
# Thresholds that a few virtual clients pass.
GUARD = {
    "requests": "20/s",
    "least": "2/s",
    "factor": 3,
    "errors": "10/s",
    "lists": "5/s",
    "connections": "10/s",
    "bandwidth": "1MiB/s",
    "hold": "10s",
}


@dataclass
class Guarded:
    """A scene, and the supervisor's watch over its sources. `said` are its events and when they came."""

    stage: Scene
    watch: SourceWatch
    said: list[tuple[float, Event]] = field(default_factory=list)

    def texts(self) -> list[str]:
        return [event.text() for _, event in self.said]

    def about(self, source: Source) -> list[tuple[float, str]]:
        """When which kind of event was about a source."""
        return [(at, event.name) for at, event in self.said if str(source) in event.text()]


@asynccontextmanager
async def guarded(*nodes: Storage, guard: dict[str, Any]) -> AsyncIterator[Guarded]:
    """An edge that beats twice a second, with a guard over the tenant `training` and none over the others."""
    policies = [policy(TRAINING, guard=guard), policy(RAG, priority="interactive")]
    sections: dict[str, Any] = {"tenants": TENANTS, "policies": policies}
    config: Config = config_for(("node-0", 9000), **sections)
    async with scene(*nodes, **sections) as stage:

        def tell(fact: Fact) -> None:
            assert isinstance(fact, Hold)
            stage.edge.hold(fact.source, fact.rate, fact.bandwidth)

        watch = SourceWatch(config.policies, tell, lambda event: it.said.append((now(), event)))
        it = Guarded(stage, watch)

        async def beat() -> None:
            while True:
                await asyncio.sleep(0.5)
                beat = Beat(lag=0, cpu=0, resident=0, activity=stage.edge.activity())
                heard = MESSAGE.validate_json(MESSAGE.dump_json(beat))
                assert isinstance(heard, Beat)
                watch.take(heard.activity)

        beating = asyncio.create_task(beat(), name="beat")
        watch.start()
        try:
            yield it
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await watch.close()


async def until(instant: float) -> None:
    await asyncio.sleep(instant - now())


@asynccontextmanager
async def running_wild(ask: Callable[[], Awaitable[object]], clients: int = 10) -> AsyncIterator[None]:
    """So many clients that ask again at once, whatever they are told."""

    async def client() -> None:
        while True:
            await ask()

    tasks = [asyncio.create_task(client(), name=f"wild {number}") for number in range(clients)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def asking(stage: Scene, *targets: str) -> Callable[[], Awaitable[object]]:
    """A request of the training from its own address, for one target after the other."""
    numbers = count()

    def ask() -> Awaitable[object]:
        target = targets[0] if targets else f"/bucket/1000B-{next(numbers)}"
        return read(stage, get(target, claim(TRAINING)), source=WILD_ADDRESS)

    return ask


@pytest.mark.parametrize(
    "fault,targets,reason",
    [
        (WORKING, (), "requests/s of a source that is new"),
        (Fails(404, "NoSuchKey"), (KEY,), "404 loop: "),
        (WORKING, ("/bucket?list-type=2",), "list storm: "),
    ],
    ids=["requests", "missing keys", "lists"],
)
def test_who_runs_wild_is_held_within_three_seconds(fault: Any, targets: tuple[str, ...], reason: str) -> None:
    async def main() -> None:
        # The connections of a wild client are a storm of their own, which is not what is looked at here.
        async with guarded(Storage(WORKING, fault), guard=GUARD | {"connections": "100000/s"}) as it:
            await until(KNOWN)
            async with running_wild(asking(it.stage, *targets)):
                await until(KNOWN + 4)
                at, kind = it.about(WILD)[0]
                assert (at <= KNOWN + 3, kind) == (True, "SourceThrottled")
                assert any(reason in text for text in it.texts())
                assert {source for source, _ in it.stage.edge.admission.limiters()} == {
                    f"held/{WILD}",
                    f"held/client {WILD_ADDRESS}",
                }

    run(main())


def test_while_a_tenant_is_held_the_others_notice_nothing_and_the_nodes_get_no_more_than_that() -> None:
    async def main() -> None:
        async with guarded(Storage(WORKING), guard=GUARD) as it:
            await until(KNOWN)
            async with running_wild(asking(it.stage)):
                await until(KNOWN + 4)
                before = it.stage.storages[0].attempts
                for _ in range(10):
                    assert (await read(it.stage, get(KEY, claim(RAG)))).took == 0.02
                    await asyncio.sleep(0.48)
                held = [fact.rate for fact in it.watch.facts if isinstance(fact, Hold) and fact.rate is not None]
                assert it.stage.storages[0].attempts - before == pytest.approx(10 + 5 * min(held), abs=2)

    run(main())


def test_who_calms_down_is_let_go_step_by_step_without_anybody_s_help() -> None:
    async def main() -> None:
        async with guarded(Storage(WORKING), guard=GUARD) as it:
            await until(KNOWN)
            async with running_wild(asking(it.stage)):
                await until(KNOWN + 4)
            assert it.watch.facts
            await until(KNOWN + 4 + 60)
            assert it.about(WILD)[-1][1] == "SourceReleased"
            assert it.watch.facts == ()
            assert list(it.stage.edge.admission.limiters()) == []
            assert (await read(it.stage, get(KEY, claim(TRAINING)))).took == 0.02

    run(main())


def test_a_guard_that_observes_says_so_and_holds_nobody() -> None:
    async def main() -> None:
        async with guarded(Storage(WORKING), guard=GUARD | {"mode": "observe"}) as it:
            await until(KNOWN)
            async with running_wild(asking(it.stage)):
                await until(KNOWN + 10)
            assert {event.name for _, event in it.said} == {"SourceObserved"}
            assert it.watch.facts == ()
            assert list(it.stage.edge.admission.limiters()) == []

    run(main())


def test_a_body_that_is_under_way_slows_down_when_its_tenant_is_held_and_speeds_up_when_it_is_let_go() -> None:
    async def main() -> None:
        async with guarded(Storage(STEADY), guard=GUARD) as it:
            await until(KNOWN)
            async with it.stage.dial() as client:
                await client.send(get("/bucket/4096MiB", claim(TRAINING)))
                await until(KNOWN + 1)
                assert len(client.received) / MIB == pytest.approx(16, rel=0.05)
                await until(KNOWN + 4)
                had = len(client.received)
                await asyncio.sleep(5)
                # Half of where the jump began: of three times 1 MiB/s.
                assert (len(client.received) - had) / 5 == pytest.approx(1.5 * MIB, rel=0.05)
                for source in (WILD, Source("client", "192.0.2.1")):
                    it.watch.pin(source, None, None)
                await asyncio.sleep(1.5)
                had = len(client.received)
                await asyncio.sleep(1)
                assert (len(client.received) - had) / MIB == pytest.approx(16, rel=0.05)
            await turns()

    run(main())


def test_a_pin_holds_from_the_next_second_to_its_end() -> None:
    async def main() -> None:
        async with guarded(Storage(), guard={"mode": "observe"}) as it:
            it.watch.pin(WILD, 5.0, 10.0)
            await until(1.5)
            async with running_wild(asking(it.stage), clients=3):
                before = it.stage.storages[0].attempts
                await until(9.5)
                assert it.stage.storages[0].attempts - before == pytest.approx(40, abs=2)
            await until(11.5)
            assert it.about(WILD) == [(1.0, "SourceThrottled"), (10.0, "SourceReleased")]

    run(main())
