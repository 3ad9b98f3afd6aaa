"""Nodes that change what is wrong with them at any time: every request comes to its end, and nothing is left behind."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.reader import get, read
from tests.scenarios.scene import Scene, put, scene
from tests.support.faults import (
    AnswersEarly,
    AnswersLate,
    Closes,
    DiesAfter,
    DiesReceiving,
    Fails,
    Fault,
    NeverAnswers,
    Resets,
    SendsGarbage,
    StallsAfter,
    TakesRate,
    Trickles,
)
from tests.support.objects import content
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/100KiB"
BODY = content("/any", 0, 5000)
REQUESTS = [
    get(KEY),
    get(KEY, b"Range: bytes=1000-99999"),
    get(KEY, method=b"HEAD"),
    get("/bucket?list-type=2"),
    put(BODY),
    put(BODY, b"If-None-Match: *"),
    put(BODY, b"Expect: 100-continue"),
    get("/bucket/other", method=b"DELETE"),
]
# Seconds after which a request must have ended: its deadline and, for a body that stood still, a minute more, twice.
LONGEST = 10 + 2 * 62

faults = st.one_of(
    st.just(()),
    st.sampled_from(
        [
            (Fails(500),),
            (Fails(503, "SlowDown"),),
            (TakesRate(20, 5),),
            (Resets(),),
            (Closes(),),
            (SendsGarbage(),),
            (NeverAnswers(),),
            (AnswersEarly(),),
            (DiesReceiving(100),),
            (AnswersLate(0.3),),
            (AnswersLate(0.7), Fails(500)),
            (DiesAfter(30_000),),
            (StallsAfter(30_000),),
            (Trickles(10_000, 0.3), DiesAfter(60_000)),
        ]
    ),
)
# Refused, or silent, or a fault of the node; for so many seconds.
episodes = st.lists(st.tuples(st.sampled_from([0.05, 0.3, 1.0, 3.0]), st.one_of(faults, st.none())), max_size=5)


async def misbehave(stage: Scene, number: int, script: list[tuple[float, tuple[Fault, ...] | None]]) -> None:
    """Play the episodes of one node, which is well in the end; None stands for a process that is killed."""
    node, address = stage.storages[number], (f"node-{number}", 9000)
    for seconds, episode in script:
        if episode is None:
            stage.network.refuse(address)
            node.reset_connections()
        else:
            node.set_fault(*episode)
        await asyncio.sleep(seconds)
        stage.network.listen(address, node.accept)
    node.clear()


async def ask(stage: Scene, begin: float, request: bytes) -> None:
    await asyncio.sleep(begin)
    seen = await read(stage, request)
    assert seen.took <= LONGEST
    if seen.status == 200 and request.startswith(b"GET /bucket/100KiB"):
        assert content(KEY, 0, 100 * 1024).startswith(seen.body)
    if seen.status == 206:
        assert content(KEY, 1000, 99_000).startswith(seen.body)


@given(
    st.lists(episodes, min_size=1, max_size=3),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from(REQUESTS)), min_size=1, max_size=12),
    st.sampled_from(["round_robin", "peak_ewma", "least_inflight", "consistent_hash"]),
)
def test_every_request_comes_to_its_end_and_leaves_nothing_behind(
    scripts: list[list[tuple[float, tuple[Fault, ...] | None]]], asked: list[tuple[float, bytes]], balance: str
) -> None:
    async def main() -> None:
        policies = [{"policy": "any", "balance": balance, "failover": {"deadline": "10s"}, "hedge": {"budget": "50%"}}]
        async with scene(*(Storage() for _ in scripts), policies=policies) as stage:
            async with asyncio.TaskGroup() as group:
                for number, script in enumerate(scripts):
                    group.create_task(misbehave(stage, number, script), name=f"node {number}")
                for begin, request in asked:
                    group.create_task(ask(stage, begin, request), name=request[:20].decode())
            await stage.rests()
            assert sum(stage.outcomes.values()) == len(asked)
            for level in ("retries_inflight", "replay_bytes"):
                assert stage.count(level) == {(): 0}
            assert stage.count("queued") == {("storage",): 0}

    run(main(), limit=1000)
