"""Who goes first where nodes cannot take all: interactive before normal before background, and nobody starves."""

import asyncio

import pytest

from tests.scenarios.reader import Read, get, read, read_object, whole
from tests.scenarios.scene import Scene, now, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, for_all, keep_asking, policy
from tests.support.faults import AnswersLate
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1B"
PATIENT = {"wait": "60s", "length": 1000}
CLASSES = [
    policy(RAG, priority="interactive", queue=PATIENT, hedge=False),
    policy(TRAINING, priority="background", queue=PATIENT, hedge=False),
    {"policy": "rest", "queue": PATIENT, "hedge": False},
]
SMALL_READ, SCAN, OTHER = get(KEY, claim(RAG)), get(KEY, claim(TRAINING)), get(KEY)


def big(tenant: str, size: str = "16MiB") -> bytes:
    return get(f"/bucket/{size}", claim(tenant))


async def in_line(stage: Scene, requests: list[bytes]) -> list[Read]:
    async with asyncio.TaskGroup() as group:
        reads = []
        for number, request in enumerate(requests):
            reads.append(group.create_task(read(stage, request), name=f"client {number}"))
            await turns()
    return [task.result() for task in reads]


def test_higher_classes_get_the_next_place() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.0625))
        async with scene(node, tenants=TENANTS, capacity={"concurrency": 1}, policies=CLASSES) as stage:
            seen = await in_line(stage, [OTHER, SCAN, SCAN, OTHER, OTHER, SMALL_READ, SMALL_READ])
            assert [each.took * 16 for each in seen] == [1, 6, 7, 4, 5, 2, 3]

    run(main())


def test_an_interactive_request_finds_a_place_that_the_others_may_not_take() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.0625))
        async with scene(node, tenants=TENANTS, capacity={"concurrency": 20}, policies=CLASSES) as stage:
            scans = asyncio.create_task(crowd(stage, [SCAN] * 50), name="scans")
            await turns()
            assert stage.inflight == 15, "three quarters of the capacity"
            others = asyncio.create_task(crowd(stage, [OTHER] * 9), name="others")
            await turns()
            assert stage.inflight == 18, "nine tenths"
            assert (await read(stage, SMALL_READ)).took == 0.0625
            await others
            assert {each.status for each in await scans} == {200}

    run(main())


def test_lower_classes_fill_what_the_higher_ones_leave() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.125))
        async with scene(node, tenants=TENANTS, capacity={"concurrency": 8}, policies=CLASSES) as stage:
            seen = await crowd(stage, [SCAN] * 12 + [SMALL_READ])
            assert [each.took for each in seen] == [0.125] * 6 + [0.25] * 6 + [0.125]

    run(main())


def test_a_class_that_is_never_next_gets_a_turn_each_half_second() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.03125))
        async with scene(node, tenants=TENANTS, capacity={"concurrency": 1}, policies=CLASSES) as stage:
            busy = asyncio.create_task(keep_asking(stage, SMALL_READ, 4, 4.0), name="busy")
            await turns()
            for _ in range(4):
                seen = await read(stage, SCAN)
                assert (seen.status, 0.5 <= seen.took <= 0.6) == (200, True)
            assert len(await busy) >= 120

    run(main())


@pytest.mark.parametrize("capacity", [{"bandwidth": "4MiB/s"}, {"node": {"bandwidth": "4MiB/s"}}])
def test_a_large_body_that_has_begun_yields_to_a_small_read(capacity: dict[str, object]) -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, capacity=capacity, policies=CLASSES) as stage:
            large = asyncio.create_task(read(stage, big(TRAINING)), name="large")
            await asyncio.sleep(1)
            for _ in range(50):
                # One quantum of 64 KiB may be owed: that is two ticks, and to be served is another one.
                assert (await read_object(stage, "/bucket/4KiB", claim(RAG))).took <= 3 / 128
                await asyncio.sleep(0.03)
            assert (await large).body == whole("/bucket/16MiB")
            assert 3.9 <= now() <= 4.1, "nothing of the bandwidth is lost"

    run(main())


def test_large_bodies_of_a_lower_class_wait_for_those_of_a_higher_one() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, capacity={"bandwidth": "4MiB/s"}, policies=CLASSES) as stage:
            background = asyncio.create_task(read(stage, big(TRAINING, "4MiB")), name="background")
            await turns()
            interactive = await crowd(stage, [big(RAG, "4MiB")] * 2)
            # Each half second the lower class has a quantum of 64 KiB.
            assert 1.9 <= max(each.took for each in interactive) <= 2.1
            assert 2.9 <= (await background).took <= 3.1

    run(main())


def test_a_body_that_would_stand_still_for_long_trickles() -> None:
    async def main() -> None:
        policies = for_all(limits={"bandwidth": {"sent": "1KiB/s"}})
        async with scene(Storage(), policies=policies) as stage:
            seen = await read(stage, get("/bucket/128KiB"))
            assert (seen.is_cut, seen.body) == (False, whole("/bucket/128KiB"))
            # 64 KiB at 1 KiB/s would be a minute, after which clients give up.
            assert 15 <= seen.gap <= 15 + 1 / 128

    run(main())
