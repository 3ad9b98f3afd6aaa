"""A session that is cancelled, at whatever await it stands, leaves nothing behind and spoils nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.scenarios.scene import CONTINUE, GET, Scene, put, put_head, scene, turns
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
