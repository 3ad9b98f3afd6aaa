"""A client that leaves: its node must not work for nobody, and all that the exchange held is given back at once."""

import asyncio

import pytest

from tests.scenarios.scene import CONTINUE, GET, Scene, now, put_head, scene, turns
from tests.support.client import Client
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run


async def keeps_silent(end: NodeEnd) -> None:
    await end.read_head()
    await end.lost()


async def sends_half(end: NodeEnd) -> None:
    await end.read_head()
    await end.send(ok(b"x" * 3_000_000)[:-1_500_000])
    await end.lost()


async def sends_endlessly(end: NodeEnd) -> None:
    await end.read_head()
    await end.send(ok(b"x" * 3_000_000))
    await end.lost()


async def invites(end: NodeEnd) -> None:
    await end.read_head()
    await end.send(CONTINUE)
    await end.lost()


async def leave(client: Client, how: str) -> None:
    if how == "reset":
        client.abort()
    elif how == "half-close":
        client.finish()
    else:
        client.transport.close()


async def has_given_all_back(stage: Scene) -> None:
    await turns()
    assert (stage.inflight, stage.idle) == (0, 0)
    assert all(end.error is not None for end in stage.node.connections), "the node's work is cut off, not ended"
    assert stage.network.open_connections == 0
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "session"] == []


@pytest.mark.parametrize("how", ["reset", "close", "half-close"])
@pytest.mark.parametrize(
    "node, request_bytes",
    [
        pytest.param(keeps_silent, GET, id="waiting for the head"),
        pytest.param(sends_half, GET, id="in the middle of a body"),
        pytest.param(sends_endlessly, GET, id="in the middle of a body that comes as fast as it can"),
        pytest.param(keeps_silent, put_head(5000) + b"x" * 1000, id="in mid-upload"),
        pytest.param(keeps_silent, put_head(5, b"Expect: 100-continue"), id="before the 100"),
        pytest.param(invites, put_head(5, b"Expect: 100-continue"), id="after the 100"),
        pytest.param(keeps_silent, put_head(5) + b"12345", id="waiting for the answer to an upload"),
        pytest.param(sends_half, put_head(5) + b"123", id="in mid-upload and in the middle of an early answer"),
        pytest.param(keeps_silent, GET + GET, id="with another request waiting"),
    ],
)
def test_a_client_that_leaves_cancels_its_nodes_work(node: object, request_bytes: bytes, how: str) -> None:
    async def main() -> None:
        async with scene(node) as stage:  # type: ignore[arg-type]  # pytest.param hides the script's type
            async with stage.dial() as client:
                if node is sends_endlessly:
                    client.pause()
                await client.send(request_bytes)
                await asyncio.sleep(1)
                assert stage.inflight == 1
                if node is sends_endlessly:
                    client.resume()
                await leave(client, how)
                await has_given_all_back(stage)
                assert now() == 1
            assert sum(stage.outcomes.values()) == 1
            assert [labels[2] for labels in stage.outcomes] == ["client_gone"]
            assert sum(stage.count("attempts_total").values()) == 1

    run(main())


@pytest.mark.parametrize("how", ["reset", "close", "half-close"])
def test_a_client_that_leaves_while_its_node_is_dialled_is_noticed(how: str) -> None:
    async def main() -> None:
        async with scene(keeps_silent) as stage:
            stage.network.silence(("node-0", 9000))
            async with stage.dial() as client:
                await client.send(GET)
                await asyncio.sleep(1)
                await leave(client, how)
                await has_given_all_back(stage)
                assert now() == 1
            assert stage.outcomes == {("GetObject", "0", "client_gone"): 1}

    run(main())


def test_a_client_that_asks_and_leaves_in_one_breath_is_noticed() -> None:
    async def main() -> None:
        async with scene(keeps_silent) as stage, stage.dial() as client:
            client.transport.write(GET)
            client.transport.close()
            await has_given_all_back(stage)

    run(main())


def test_a_client_that_leaves_between_requests_costs_nothing() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"), ok(b"y"))) as stage:
            for body in (b"x", b"y"):
                async with stage.dial() as client:
                    await client.send(GET)
                    assert (await client.read_response()).body == body
                    await client.close()
            assert (len(stage.node.connections), stage.idle) == (1, 1)

    run(main())


def test_a_client_that_leaves_within_a_head_is_forgotten() -> None:
    async def main() -> None:
        async with scene(keeps_silent) as stage, stage.dial() as client:
            await client.send(GET[:-2])
            await turns()
            client.transport.close()
            await turns()
            assert stage.network.open_connections == 0
            assert (stage.node.received, stage.outcomes) == (b"", {})

    run(main())


@pytest.mark.parametrize("ends_at_once", [False, True])
def test_a_client_that_reads_nothing_of_its_last_answer_is_cut_in_the_end(ends_at_once: bool) -> None:
    """The answer is larger than the sockets and smaller than what the edge may hold, so no exchange waits for it."""

    async def main() -> None:
        async with scene(answers(ok(b"x" * 250_000))) as stage, stage.dial() as client:
            client.pause()
            await client.send(GET[:-2] + b"Connection: close\r\n\r\n" if ends_at_once else GET)
            await asyncio.sleep(200)
            assert stage.network.open_connections == 1, "the spare one to the node is gone, too"
            client.resume()
            await client.lost()
            assert client.error is not None

    run(main())
