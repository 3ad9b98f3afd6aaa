"""Clients that take too long, to the quarter of a second in which the edge notices."""

import asyncio
from math import ceil

import pytest

from s3edge.config.resilience import STALL
from s3edge.transport.transfer import LOOKS
from s3edge.transport.wheel import FINE_TICK
from tests.scenarios.scene import GET, fires, in_turn, look, now, scene, turns
from tests.support.client import TruncatedError
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run

# What is left of the second that a node may stand still: it begins up to one look before the first that counts.
PATIENCE = STALL * LOOKS / (LOOKS + 1) - LOOKS * FINE_TICK


@pytest.mark.parametrize("part", [b"G", GET[:-1], GET[:-4]])
def test_a_head_that_stops_is_refused_when_its_time_is_over(part: bytes) -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            await asyncio.sleep(3)
            await client.send(part)
            response = await client.read_response()
            assert (response.status, response.header(b"connection"), now()) == (408, b"close", fires(3 + 10))
            assert b"<Code>RequestTimeout</Code>" in response.body
            assert await client.read_to_end() == b""
            assert stage.node.received == b""
            assert stage.outcomes == {("Other", "408", "refused"): 1}

    run(main())


@pytest.mark.parametrize("pause", [0.5, 1, 9])
def test_a_byte_now_and_then_buys_no_time(pause: float) -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            sending = asyncio.create_task(client.send(GET * 10, piece=1, pause=pause), name="slow loris")
            assert (await client.read_response()).status == 408
            assert now() == fires(10)
            await client.lost()
            sending.cancel()
            assert stage.node.received == b""

    run(main())


def test_a_head_in_time_is_served_however_slow() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"))) as stage, stage.dial() as client:
            await client.send(GET, piece=1, pause=9.9 / len(GET))
            assert (await client.read_response()).body == b"x"

    run(main())


def test_the_time_of_a_pipelined_head_begins_with_its_turn() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(30)
        await end.send(ok(b"x"))

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET + GET[:10])
            assert (await client.read_response()).body == b"x"
            assert (await client.read_response()).status == 408
            assert now() == fires(30 + 10)

    run(main())


def test_the_time_of_a_head_does_not_disturb_its_exchange() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(50)
        await end.send(ok(b"x" * 100)[:-100])
        await end.send(b"x" * 100, piece=1, pause=50)

    async def main() -> None:
        listen = {"head_timeout": "10s", "idle_timeout": "20s"}
        async with scene(node, listen=listen) as stage, stage.dial() as client:
            await client.send(GET[:5])
            await asyncio.sleep(9)
            await client.send(GET[5:])
            assert (await client.read_response()).body == b"x" * 100
            finished = now()
            assert await client.read_to_end() == b""
            assert (now(), client.error) == (fires(finished + 20), None)

    run(main())


def test_a_body_that_its_node_lets_stand_is_cut() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x" * 1000)[:-400])
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            with pytest.raises(TruncatedError) as caught:
                await client.read_response()
            assert caught.value.response.body == b"x" * 600
            # The first look finds what came with the head. No other node can go on, so this one is given its minute.
            assert (now(), client.error is None) == (look(LOOKS, 60, look(1 + LOOKS, PATIENCE)), False)
            assert (stage.inflight, stage.idle) == (0, 0)
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}

    run(main())


@pytest.mark.parametrize("resume, since", [(False, 0), (True, look(LOOKS, PATIENCE))])
def test_a_body_that_never_begins_is_cut_after_a_minute(resume: bool, since: float) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x" * 1000)[:-1000])
        await end.lost()

    async def main() -> None:
        async with scene(node, policies=in_turn(resume=resume)) as stage, stage.dial() as client:
            await client.send(GET)
            with pytest.raises(TruncatedError):
                await client.read_response()
            assert now() == look(LOOKS, 60, since)

    run(main())


def test_a_client_that_stops_reading_is_cut_and_its_node_let_go() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x" * 5_000_000))) as stage, stage.dial() as client:
            client.pause()
            await client.send(GET)
            # It took something at first, and then has its minute, in the steps in which its node would be looked at.
            await asyncio.sleep(look(1 + ceil(60 / PATIENCE * LOOKS), PATIENCE) - 0.01)
            assert stage.inflight == 1
            await asyncio.sleep(0.01)
            await turns()
            assert (stage.inflight, stage.idle, stage.network.open_connections) == (0, 0, 0)
            assert stage.outcomes == {("GetObject", "200", "client_gone"): 1}
            assert stage.attempts == {("0", "client_gone"): 1}, "no node is to blame"

    run(main())
