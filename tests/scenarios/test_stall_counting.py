"""How long a tenant's requests waited for bytes, and how soon nodes gave them."""

import asyncio

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, in_turn, put_head, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, policy
from tests.support.faults import AnswersLate, DiesAfter, NeverAnswers
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"


def stalled(stage: Scene) -> dict[str, float]:
    samples = stage.edge.meter.snapshot()["s3edge_tenant_stalled_seconds_total"]
    return {labels[0]: round(value, 6) for labels, value in samples if not isinstance(value, list)}


def first_bytes(stage: Scene) -> dict[str, tuple[float, float]]:
    """How many good answers there were from each node, and the seconds until they began in all."""
    samples = stage.edge.meter.snapshot()["s3edge_node_first_byte_seconds"]
    return {labels[0]: (sum(value[:-1]), round(value[-1], 6)) for labels, value in samples if isinstance(value, list)}


def test_a_read_waits_until_its_first_byte() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(0.25)), tenants=TENANTS) as stage:
            await read_object(stage, KEY, claim(RAG))
            await read_object(stage, KEY, claim(RAG))
            await read_object(stage, KEY, claim(TRAINING))
            assert stalled(stage) == {RAG: 0.5, TRAINING: 0.25}
            assert first_bytes(stage) == {"node-0:9000": (3, 0.75)}

    run(main())


def test_an_upload_waits_only_once_its_body_is_there() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(0.5)), tenants=TENANTS) as stage, stage.dial() as client:
            await client.send(put_head(1000, claim(RAG)))
            await asyncio.sleep(7)
            await client.send(b"x" * 1000)
            assert (await client.read_response("PUT")).status == 200
            assert stalled(stage) == {RAG: 0.5}
            assert first_bytes(stage) == {"node-0:9000": (1, 0.5)}

    run(main())


def test_an_upload_that_its_client_gives_up_has_waited_for_nothing() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS) as stage:
            async with stage.dial() as client:
                await client.send(put_head(1000, claim(RAG)))
                await asyncio.sleep(7)
            await turns()
            assert stalled(stage) == {RAG: 0}

    run(main())


def test_the_time_that_a_body_stood_still_until_it_went_on_adds_to_that_before_its_first_byte() -> None:
    async def main() -> None:
        first = Storage(AnswersLate(0.125), DiesAfter(100_000))
        async with scene(first, Storage(AnswersLate(0.25)), tenants=TENANTS, policies=in_turn(hedge=False)) as stage:
            await read_object(stage, "/bucket/300KiB", claim(RAG))
            assert stage.count("resumes_total") == {("node-1:9000",): 1}
            assert stalled(stage) == {RAG: 0.125 + 0.25}

    run(main())


def test_a_request_that_no_node_answers_has_waited_all_the_time() -> None:
    async def main() -> None:
        policies = [policy(RAG, hedge=False, failover={"deadline": "2s", "attempts": 1})]
        async with scene(Storage(NeverAnswers()), tenants=TENANTS, policies=policies) as stage:
            seen = await read(stage, get(KEY, claim(RAG)))
            assert (seen.status, seen.took) == (500, 2)
            assert stalled(stage) == {RAG: 2}
            assert first_bytes(stage) == {"node-0:9000": (0, 0)}

    run(main())


def test_waiting_for_limits_is_waiting_for_bytes_too() -> None:
    async def main() -> None:
        policies = [policy(TRAINING, limits={"concurrency": 1}, queue={"wait": "5s"})]
        async with scene(Storage(AnswersLate(1)), tenants=TENANTS, policies=policies) as stage:
            await crowd(stage, [get(KEY, claim(TRAINING))] * 3)
            assert stalled(stage) == {TRAINING: 1 + 2 + 3}
            waiting = {labels[0]: value for labels, value in stage.edge.meter.snapshot()["s3edge_waiting_seconds"]}
            assert isinstance(waiting["read"], list)
            assert (sum(waiting["read"][:-1]), waiting["read"][-1]) == (2, 1 + 2)

    run(main())
