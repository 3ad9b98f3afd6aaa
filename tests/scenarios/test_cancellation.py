"""A session that is cancelled, at whatever await it stands, leaves nothing behind and spoils nothing.

The first stories are over without time passing, and are cancelled after each turn of the loop; the failures behind them
take their time, and are cancelled after each turn that follows one of their instants, too.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.scenarios.scene import CONTINUE, GET, Scene, in_turn, look, put, put_head, scene, turns
from tests.scenarios.test_time_limits import PATIENCE
from tests.support.client import Client
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

# More turns of the loop than any of these stories has.
TURNS = 150

Story = Callable[[Client], Awaitable[None]]


async def stale(end: NodeEnd) -> None:
    """A kept connection that the node drops when it is used again."""
    await answers(ok(b"0"))(end)
    await end.read_head()
    end.abort()


async def serves(end: NodeEnd) -> None:
    """Answers anything, in several pieces and uploads after an invitation, unless it is asked to die."""
    while True:
        request = await end.read_head()
        if request.header(b"expect"):
            await end.send(CONTINUE)
        await end.read_body()
        answer = ok(b"x" * 200_000) if request.method == b"GET" else ok()
        await end.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        if request.target == b"/bucket/dies":
            await end.send(answer[:-1], piece=50_000)
            end.abort()
        await end.send(answer, piece=50_000)


async def asks(client: Client) -> None:
    await client.send(GET + GET, piece=30)


async def kills(client: Client) -> None:
    await client.send(GET.replace(b"key", b"dies"))


async def uploads(client: Client) -> None:
    await client.send(put_head(150_000))
    await client.send(b"x" * 150_000 + GET, piece=20_000)


async def uploads_when_invited(client: Client) -> None:
    await client.send(put_head(3, b"Expect: 100-continue"))
    await client.read_some()
    await client.send(b"abc" + GET)


async def breaks_the_rules(client: Client) -> None:
    await client.send(put(b"12345") + b"nonsense\r\n\r\n", piece=20)


STORIES: dict[str, tuple[Story, list[Script]]] = {
    "two pipelined reads": (asks, [serves]),
    "an upload and a read": (uploads, [serves]),
    "an upload by invitation": (uploads_when_invited, [serves]),
    "a kept connection that is dead": (asks, [stale, serves]),
    "a node that dies": (kills, [serves]),
    "a refused request": (breaks_the_rules, [serves]),
}


async def cancelled_after(stage: Scene, count: int, story: Story) -> bool:
    """Play a client's part and cancel its session after so many turns; whether the story was over by then."""
    async with stage.dial() as client:
        await turns(2)
        [session] = [task for task in asyncio.all_tasks() if task.get_name() == "session"]
        acting = asyncio.create_task(_play(story, client), name="the client's part")
        await turns(count)
        has_ended = session.done()
        is_idle = bool(client.received) and stage.count("exchanges_inflight") == {(): 0}
        session.cancel()
        await turns(100)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        if not has_ended:
            assert session.cancelled()
            assert client.is_lost, "a client whose session is gone must not wait"
    return has_ended or (is_idle and acting.done())


async def _play(story: Story, client: Client) -> None:
    await story(client)


@pytest.mark.parametrize("story, scripts", STORIES.values(), ids=STORIES.keys())
def test_a_session_cancelled_at_any_await_gives_everything_back(story: Story, scripts: list[Script]) -> None:
    async def main() -> None:
        for count in range(TURNS):
            async with scene(Node(*scripts, serves)) as stage:
                if len(scripts) > 1:
                    await stage.ask()
                is_over = await cancelled_after(stage, count, story)
                await stage.rests()
                assert stage.count("exchanges_inflight") == {(): 0}
                assert sum(not end.has_ended for end in stage.node.connections) == stage.idle
                status, body = await stage.ask()
                assert (status, len(body)) in {(200, 200_000), (200, 1)}, "what is kept is in order"
            if is_over:
                return
        raise AssertionError(f"the story is not over after {TURNS} turns")

    run(main())


# Failures: retries, hedges and resumes.

OBJECT = b"x" * 200_000
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nETag: "e"\r\n\r\n'


async def recovers(end: NodeEnd) -> None:
    """Answers anything, whole or from a place on."""
    while True:
        request = await end.read_request()
        wanted = request.header(b"range")
        if wanted is None:
            await end.send(WHOLE + OBJECT if request.method == b"GET" else ok())
        else:
            first = int(wanted.removeprefix(b"bytes=").partition(b"-")[0])
            lines = (
                b"HTTP/1.1 206 Partial Content",
                b"Content-Length: %d" % (len(OBJECT) - first),
                b"Content-Range: bytes %d-199999/200000" % first,
                b'ETag: "e"',
                b"",
                OBJECT[first:],
            )
            await end.send(b"\r\n".join(lines), piece=50_000)


async def refuses_all(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await end.send(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n")


async def says_nothing(end: NodeEnd) -> None:
    await end.read_head()
    await end.read_to_end()


async def breaks_off(end: NodeEnd) -> None:
    await end.read_request()
    await end.send(WHOLE + OBJECT[:70_000])
    await turns(3)
    end.abort()


async def stands_still(end: NodeEnd) -> None:
    await end.read_request()
    await end.send(WHOLE + OBJECT[:70_000])
    await end.lost()


async def reads(client: Client) -> None:
    await client.send(GET)


async def writes(client: Client) -> None:
    await client.send(put_head(50_000))
    await client.send(b"x" * 50_000, piece=10_000)


FAILURES: dict[str, tuple[Story, list[Script], list[float]]] = {
    "a read that is retried": (reads, [refuses_all, recovers], [0.0]),
    "a write that is retried": (writes, [refuses_all, recovers], [0.0]),
    "a write whose node hangs up": (writes, [breaks_off, recovers], [0.0]),
    "a late read": (reads, [says_nothing, recovers], [0.0, 0.25, 0.5]),
    "two nodes that say nothing": (reads, [says_nothing, says_nothing, recovers], [0.25, 0.5, 0.75, 1.0]),
    "pauses between retries": (reads, [refuses_all, refuses_all, refuses_all, recovers], [0.0, 0.0125, 0.025]),
    "a body that breaks off": (reads, [breaks_off, recovers], [0.0]),
    "a body that breaks off twice": (reads, [breaks_off, breaks_off, recovers], [0.0]),
    "a body that stands still": (reads, [stands_still, recovers], [0.0, look(5, PATIENCE)]),
}


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("story, scripts, instants", FAILURES.values(), ids=FAILURES.keys())
def test_a_session_cancelled_while_failures_are_hidden_gives_everything_back(
    story: Story, scripts: list[Script], instants: list[float], is_warm: bool
) -> None:
    """Regression: an attempt that had won was lost when the client left while its rivals were still being cut off."""

    async def main() -> None:
        for instant in instants:
            for count in range(20):
                tiers = list(range(len(scripts)))
                policies = in_turn(hedge={"budget": "50%"}, failover={"attempts": 5})
                async with scene(*[warmed(script) for script in scripts], tiers=tiers, policies=policies) as stage:
                    if is_warm:
                        await warm(stage)
                    await cancelled_at(stage, instant, count, story)
                    assert stage.count("retries_inflight") == {(): 0}
                    assert stage.count("replay_bytes") == {(): 0}
                    open_ends = [end for node in stage.nodes for end in node.connections if not end.has_ended]
                    assert len(open_ends) == stage.idle

    run(main())


def warmed(script: Script) -> Script:
    """The script, behind the answers to requests that only make a connection."""

    async def play(end: NodeEnd) -> None:
        head = await end.read_until(b"\r\n\r\n")
        if head.startswith(b"HEAD"):
            await end.send(ok())
        else:
            end.unread(head)
        await script(end)

    return play


async def warm(stage: Scene) -> None:
    """Let the edge keep a connection to each node, and have hedges to spend."""
    for name in stage.edge.nodes:
        for other in stage.edge.nodes:
            stage.edge.set_node_state(other, is_up=other == name)
        assert (await stage.ask(GET.replace(b"GET", b"HEAD")))[0] == 200
    for name in stage.edge.nodes:
        stage.edge.set_node_state(name, is_up=True)


async def cancelled_at(stage: Scene, instant: float, count: int, story: Story) -> None:
    """Play a client's part and cancel its session so many seconds, and then so many turns, later."""
    async with stage.dial() as client:
        await turns(2)
        [session] = [task for task in asyncio.all_tasks() if task.get_name() == "session"]
        acting = asyncio.create_task(_play(story, client), name="the client's part")
        if instant:
            await asyncio.sleep(instant)
        await turns(count)
        session.cancel()
        await turns(100)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        assert session.done()
    await stage.rests()
