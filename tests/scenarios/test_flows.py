"""What operators see of requests under way: what each does, at which node, and how far it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from s3edge.proxy.flows import PAUSE, SHORTEST, SLICE
from s3edge.telemetry.flows import Column, Flow, FlowState, Found, Query
from tests.scenarios.reader import get
from tests.scenarios.scene import GET, Scene, in_turn, now, put_head, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, policy
from tests.support.client import Client
from tests.support.faults import AnswersLate, Chunked, DiesAfter, NeverAnswers, Trickles
from tests.support.memory import Link
from tests.support.node import NodeEnd, ok
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/300KiB"
SIZE = 300 * 1024
# A kilobyte each second.
DRIPS = Trickles(1000, 1.0)
ALL = Query(Column.AGE, is_descending=True)


@asynccontextmanager
async def asked(stage: Scene, *requests: bytes) -> AsyncIterator[list[Client]]:
    """Clients that have each sent a request, one a millisecond after the other; they leave at the end of the block."""
    async with AsyncExitStack() as stack:
        clients = []
        for request in requests:
            clients.append(await stack.enter_async_context(stage.dial()))
            await clients[-1].send(request)
            await asyncio.sleep(0.001)
        yield clients


async def only(stage: Scene) -> Flow:
    """The one flow that there is."""
    found = await stage.edge.flows(ALL)
    [flow] = found.flows
    assert (found.total, found.matching) == (1, 1)
    return flow


async def until(seconds: float) -> None:
    await asyncio.sleep(seconds - now())


def test_a_request_that_a_node_does_not_answer_is_asking_it() -> None:
    async def main() -> None:
        async with scene(Storage(NeverAnswers())) as stage, asked(stage, get(KEY)):
            await until(0.5)
            assert await only(stage) == Flow(
                number=1,
                tenant="default",
                client="192.0.2.1",
                operation="GetObject",
                kind="read",
                bucket="bucket",
                key="300KiB",
                node="node-0:9000",
                state=FlowState.ASKING,
                sent=0,
                received=0,
                size=None,
                rate=0.0,
                age=0.5 + PAUSE,
                resumes=0,
            )

    run(main())


def test_the_node_that_is_asked_is_shown_on_a_kept_connection_and_through_a_hedge() -> None:
    late = AnswersLate(3.0, next=1)

    async def main() -> None:
        async with scene(Storage(), Storage(), policies=in_turn()) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(get("/bucket/10B"))
                await client.read_response()
            stage.storages[0].set_fault(late)
            stage.storages[1].set_fault(late)
            began = now()
            await client.send(get("/bucket/10B"))
            await asyncio.sleep(0.01)
            asking = await only(stage)
            assert (asking.state, asking.node) == (FlowState.ASKING, "node-0:9000")
            await until(began + 1.0)
            hedged = await only(stage)
            assert (hedged.state, hedged.node) == (FlowState.ASKING, "node-1:9000")
            await client.read_response()

    run(main())


def test_a_request_that_its_limits_have_no_room_for_is_waiting_and_at_no_node() -> None:
    policies = [policy(TRAINING, limits={"concurrency": 1}, queue={"wait": "9s"})]

    async def main() -> None:
        request = get(KEY, claim(TRAINING))
        async with (
            scene(Storage(NeverAnswers()), tenants=TENANTS, policies=policies) as stage,
            asked(stage, request, request, get(KEY, claim(RAG))),
        ):
            found = await stage.edge.flows(replace(ALL, filter="training"))
            assert (found.total, found.matching) == (3, 2)
            assert [(flow.state, flow.node) for flow in found.flows] == [
                (FlowState.ASKING, "node-0:9000"),
                (FlowState.WAITING, ""),
            ]

    run(main())


def test_a_request_that_the_nodes_have_no_room_for_is_waiting() -> None:
    async def main() -> None:
        capacity = {"node": {"concurrency": 1}}
        async with (
            scene(Storage(NeverAnswers()), capacity=capacity, policies=in_turn(queue={"wait": "9s"})) as stage,
            asked(stage, get(KEY), get(KEY)),
        ):
            found = await stage.edge.flows(ALL)
            assert [flow.state for flow in found.flows] == [FlowState.ASKING, FlowState.WAITING]

    run(main())


def test_a_body_that_its_client_does_not_read_is_sending_and_stands_still() -> None:
    async def main() -> None:
        async with scene(Storage(), link=Link(capacity=10_000)) as stage, asked(stage) as _, stage.dial() as client:
            client.pause()
            await client.send(get(KEY))
            await until(1.0)
            first = await only(stage)
            assert first.state is FlowState.SENDING
            assert first.size == SIZE
            assert 0 < first.sent < SIZE
            assert first.rate == pytest.approx(first.sent / first.age)
            await until(3.0)
            then = await only(stage)
            assert (then.sent, then.rate) == (first.sent, 0.0)
            client.resume()
            await client.read_response()
            assert (await stage.edge.flows(ALL)) == Found(0, 0, ())

    run(main())


def test_a_rate_is_that_since_the_last_look_and_of_two_quick_looks_the_second_has_that_of_the_first() -> None:
    async def main() -> None:
        async with scene(Storage(DRIPS), policies=in_turn(resume=False)) as stage, asked(stage, get(KEY)):
            await until(9.5)
            flow = await only(stage)
            assert (flow.sent, flow.age) == (10_000, 9.5 + PAUSE)
            assert flow.rate == 10_000 / flow.age
            await asyncio.sleep(SHORTEST / 2)
            assert (await only(stage)).rate == flow.rate
            await until(13.5)
            then = await only(stage)
            assert (then.number, then.sent, then.rate) == (flow.number, 14_000, 1000.0)
            await until(20.5)  # sorted by it, it is taken one pause earlier than it is shown
            [by_rate] = (await stage.edge.flows(Query(Column.RATE))).flows
            assert by_rate.rate == pytest.approx(7000 / (7 - PAUSE))

    run(main())


def test_a_body_from_the_client_is_receiving_until_its_node_has_it_and_then_asking() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(5)
        await end.send(ok())

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(put_head(1000) + b"x" * 400)
            await until(1.0)
            flow = await only(stage)
            assert (flow.state, flow.received, flow.size, flow.sent) == (FlowState.RECEIVING, 400, 1000, 0)
            assert (flow.operation, flow.kind) == ("PutObject", "write")
            assert flow.rate == 400 / (1.0 + PAUSE)
            await client.send(b"x" * 600)
            await until(3.0)
            flow = await only(stage)
            assert (flow.state, flow.received, flow.size, flow.rate) == (FlowState.ASKING, 1000, 1000, 300.0)
            await client.read_response("PUT")

    run(main())


def test_a_body_that_went_on_from_another_node_counts_its_resumes_and_all_its_bytes() -> None:
    async def main() -> None:
        async with (
            scene(Storage(DiesAfter(100_000)), Storage(DRIPS), policies=in_turn()) as stage,
            asked(stage, get(KEY)),
        ):
            await asyncio.sleep(0.1)
            flow = await only(stage)
            assert (flow.state, flow.node, flow.resumes) == (FlowState.SENDING, "node-1:9000", 1)
            assert (flow.sent, flow.size) == (101_000, SIZE)

    run(main())


def test_a_body_in_chunks_has_no_size() -> None:
    async def main() -> None:
        faults = (Chunked(), DRIPS)
        async with scene(Storage(*faults), policies=in_turn(resume=False)) as stage, asked(stage, get(KEY)):
            await asyncio.sleep(0.5)
            flow = await only(stage)
            assert (flow.state, flow.size) == (FlowState.SENDING, None)
            assert flow.sent > 0

    run(main())


def test_a_flow_keeps_its_number_and_the_next_request_of_its_connection_has_another() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(2.0)), policies=in_turn()) as stage, asked(stage, GET, GET) as clients:
            before = await stage.edge.flows(ALL)
            assert [flow.number for flow in before.flows] == [1, 2]
            assert [flow.number for flow in (await stage.edge.flows(ALL)).flows] == [1, 2]
            await clients[0].read_response()
            await clients[0].send(GET)
            await asyncio.sleep(0.5)
            [flow] = (await stage.edge.flows(ALL)).flows
            assert flow.number == 3

    run(main())


def test_flows_are_filtered_by_any_of_their_words_in_any_case_and_cut_to_the_limit() -> None:
    requests = [get(f"/bucket/Key-{number}", claim(RAG)) for number in range(5)]

    async def main() -> None:
        async with scene(Storage(NeverAnswers()), tenants=TENANTS) as stage, asked(stage, *requests):
            for words, matching in (("rag", 5), ("192.0.2", 5), ("getobject", 5), ("node-0:9000", 5), ("asking", 5),
                                    ("bucket/key-3", 1), ("key-", 5), ("training", 0)):  # fmt: skip
                found = await stage.edge.flows(replace(ALL, filter=words))
                assert (found.total, found.matching, len(found.flows)) == (5, matching, matching), words
            found = await stage.edge.flows(Query(Column.KEY, is_descending=False, limit=2))
            assert (found.total, found.matching) == (5, 5)
            assert [flow.key for flow in found.flows] == ["Key-0", "Key-1"]
            found = await stage.edge.flows(Query(Column.AGE, is_descending=False, limit=1))
            assert [flow.key for flow in found.flows] == ["Key-4"]

    run(main())


@pytest.mark.parametrize("column", Column)
def test_flows_can_be_sorted_by_every_column(column: Column) -> None:
    async def main() -> None:
        upload = put_head(1000) + b"x" * 400
        async with scene(Storage(NeverAnswers()), tenants=TENANTS) as stage, asked(stage, GET, upload, get(KEY)):
            rows = (await stage.edge.flows(ALL)).flows
            value = {Column.SIZE: lambda flow: flow.size or -1, Column.KEY: lambda flow: f"{flow.bucket}/{flow.key}"}
            expected = sorted(rows, key=value.get(column, lambda flow: getattr(flow, column)))
            found = await stage.edge.flows(Query(column, is_descending=False))
            assert [flow.number for flow in found.flows] == [flow.number for flow in expected]

    run(main())


def test_a_key_that_is_no_text_is_shown_escaped() -> None:
    async def main() -> None:
        async with scene(Storage(NeverAnswers())) as stage, asked(stage, get("/bucket/caf%C3%A9%FF")):
            assert (await only(stage)).key == "caf\u00e9\\udcff"
            assert (await stage.edge.flows(replace(ALL, filter="CAF\u00c9".casefold()))).matching == 1

    run(main())


def test_a_look_gives_the_loop_back_after_each_slice_of_flows() -> None:
    async def main() -> None:
        count = 2 * SLICE + 1
        async with scene(Storage(NeverAnswers())) as stage, asked(stage, *[GET] * count):
            began = now()
            found = await stage.edge.flows(replace(ALL, limit=SLICE + 1))
            assert (found.total, found.matching, len(found.flows)) == (count, count, SLICE + 1)
            # Three slices are looked at, and the rows of two described.
            assert now() - began == pytest.approx(5 * PAUSE)

    run(main())


def test_clients_without_a_request_are_no_flows() -> None:
    async def main() -> None:
        async with scene(Storage()) as stage, stage.dial():
            await turns()
            began = now()
            assert await stage.edge.flows(ALL) == Found(0, 0, ())
            assert now() == began

    run(main())


def test_a_flow_that_ends_during_a_look_is_not_shown() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(1.0))) as stage, asked(stage, get("/bucket/10B")):
            await until(1.0 - PAUSE / 2)
            found = await stage.edge.flows(ALL)
            assert (found.total, found.flows) == (1, ())

    run(main())


def test_bytes_under_way_are_told_as_levels_and_at_the_end_as_counts() -> None:
    async def main() -> None:
        async with (
            scene(Storage(Trickles(1000, 1.0)), tenants=TENANTS, policies=in_turn(resume=False)) as stage,
            stage.dial() as client,
        ):
            await client.send(get("/bucket/3000B", claim(RAG)))
            await until(1.5)
            assert stage.count("tenant_sending_bytes") == {(RAG,): 2000}
            assert stage.count("tenant_sent_bytes_total") == {}
            await client.read_response()
            assert stage.count("tenant_sending_bytes") == {}
            assert stage.count("tenant_sent_bytes_total") == {(RAG,): 3000}
            await client.send(put_head(1000, claim(RAG)) + b"x" * 400)
            await asyncio.sleep(0.5)
            assert stage.count("tenant_receiving_bytes") == {(RAG,): 400}

    run(main())
