"""The live view: its loop in virtual time, its page over a real socket."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from s3edge.admin.live import FIRST_INTERVAL, INTERVAL, MOST_VIEWERS, LiveView
from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.server.sockets import address_of, listen_alone
from s3edge.telemetry.flows import Column, Found, Query
from s3edge.telemetry.meter import Snapshot
from tests.support.observed import QuietEdge
from tests.support.virtual_time import run

# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 10.0
ALL = Query()
BY_RATE = Query(Column.RATE)


class Edge(QuietEdge):
    """An s3edge that counts who asks it, and answers after so many seconds."""

    def __init__(self, takes: float = 0.0) -> None:
        super().__init__()
        self.snapshots = 0
        self.queries: list[Query] = []
        self.takes = takes
        self.has_fault = False

    async def snapshot(self) -> Snapshot:
        self.snapshots += 1
        if self.has_fault:
            raise RuntimeError("never thought of")
        await asyncio.sleep(self.takes)
        return {"s3edge_connections_open": [([], float(self.snapshots))]}

    async def flows(self, query: Query) -> dict[int, Found]:
        self.queries.append(query)
        return {0: Found(len(self.queries), 0, ())}


class Viewer:
    """Somebody who looks; `frames` are those that came, each with its instant. It takes `pause` seconds for each."""

    def __init__(self, view: LiveView, query: Query = ALL, pause: float = 0.0) -> None:
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self._pause = pause
        self.task = asyncio.create_task(view.show(query, self._write), name="viewer")

    async def _write(self, message: bytes) -> None:
        assert message.startswith(b"event: frame\ndata: {")
        assert message.endswith(b"}\n\n")
        assert message.count(b"\n") == 3
        frame = json.loads(message.partition(b"data: ")[2])
        self.frames.append((asyncio.get_running_loop().time(), frame))
        await asyncio.sleep(self._pause)

    @property
    def instants(self) -> list[float]:
        return [at for at, _ in self.frames]

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def filming(edge: Edge, scenario: Callable[[LiveView], Coroutine[None, None, None]]) -> None:
    """Run a scenario in virtual time with the view of this edge, which is ended afterwards."""

    async def main() -> None:
        view = LiveView(edge, lambda: 0.0, lambda: "off")
        await scenario(view)
        await view.end()

    run(main())


def test_the_first_frame_comes_after_a_short_interval_and_the_others_each_second() -> None:
    async def scenario(view: LiveView) -> None:
        viewer = Viewer(view)
        await asyncio.sleep(3.5)
        await viewer.leave()
        assert viewer.instants == [FIRST_INTERVAL, 1.25, 2.25, 3.25]
        assert [frame["interval"] for _, frame in viewer.frames] == [FIRST_INTERVAL, INTERVAL, INTERVAL, INTERVAL]
        assert viewer.frames[0][1]["edge"]["changes"] == "off"

    filming(Edge(), scenario)


def test_however_many_look_counts_are_asked_for_once_a_second_and_flows_once_for_each_question() -> None:
    edge = Edge()

    async def scenario(view: LiveView) -> None:
        viewers = [Viewer(view, query) for query in (ALL, BY_RATE) for _ in range(10)]
        await asyncio.sleep(2.5)
        assert edge.snapshots == 4  # the first one makes no frame
        assert sorted(edge.queries, key=[ALL, BY_RATE].index) == [ALL] * 3 + [BY_RATE] * 3
        assert all(viewer.instants == [FIRST_INTERVAL, 1.25, 2.25] for viewer in viewers)
        for viewer in viewers:
            await viewer.leave()

    filming(edge, scenario)


def test_who_comes_later_gets_the_newest_frame_at_once_with_the_flows_that_it_asks_for() -> None:
    edge = Edge()

    async def scenario(view: LiveView) -> None:
        first = Viewer(view)
        await asyncio.sleep(1.5)
        same, other = Viewer(view), Viewer(view, BY_RATE)
        await asyncio.sleep(0)
        assert (same.instants, other.instants) == ([1.5], [1.5])
        assert same.frames[0][1] == first.frames[-1][1]
        assert other.frames[0][1]["flows"]["total"] == 3  # a question of its own
        await asyncio.sleep(1)
        assert first.instants[-1] == same.instants[-1] == other.instants[-1] == 2.25
        for viewer in (first, same, other):
            await viewer.leave()

    filming(edge, scenario)


def test_a_slow_viewer_gets_the_newest_frame_and_holds_up_nobody() -> None:
    async def scenario(view: LiveView) -> None:
        quick, slow = Viewer(view), Viewer(view, pause=2.4)
        await asyncio.sleep(6)
        assert slow.instants == [0.25, 2.65, 5.05]
        assert [frame["totals"]["connections"] for _, frame in slow.frames] == [2, 4, 6]
        assert len(quick.frames) == 6
        await quick.leave()
        await slow.leave()

    filming(Edge(), scenario)


def test_without_viewers_nothing_is_asked_and_who_comes_then_sees_nothing_old() -> None:
    edge = Edge()

    async def scenario(view: LiveView) -> None:
        await Viewer(view).leave()
        viewer = Viewer(view)
        await asyncio.sleep(1.5)
        await viewer.leave()
        assert view.viewers == 0
        asked = edge.snapshots
        await asyncio.sleep(100)
        assert edge.snapshots == asked
        again = Viewer(view)
        await asyncio.sleep(1)
        await again.leave()
        assert again.instants == [101.5 + FIRST_INTERVAL]

    filming(edge, scenario)


def test_counts_that_take_long_make_frames_rarer_and_never_one_after_the_other() -> None:
    async def scenario(view: LiveView) -> None:
        viewer = Viewer(view)
        await asyncio.sleep(10)
        await viewer.leave()
        gaps = [after - before for before, after in zip(viewer.instants, viewer.instants[1:], strict=False)]
        assert gaps == [2.5, 2.5]
        assert viewer.frames[-1][1]["interval"] == 2.5

    filming(Edge(takes=2.0), scenario)


def test_the_view_ends_for_all_at_once() -> None:
    async def scenario(view: LiveView) -> None:
        viewers = [Viewer(view) for _ in range(3)]
        await asyncio.sleep(0.5)
        await view.end()
        await asyncio.gather(*(viewer.task for viewer in viewers))
        assert asyncio.get_running_loop().time() == 0.5
        late = Viewer(view)
        await late.task
        assert late.frames == []

    filming(Edge(), scenario)


def test_a_fault_of_its_own_ends_the_streams_and_who_comes_again_is_served(caplog: pytest.LogCaptureFixture) -> None:
    edge = Edge()

    async def scenario(view: LiveView) -> None:
        viewer = Viewer(view)
        await asyncio.sleep(0.5)
        edge.has_fault = True
        await viewer.task
        edge.has_fault = False
        again = Viewer(view)
        await asyncio.sleep(0.5)
        assert len(again.frames) == 1
        await again.leave()

    filming(edge, scenario)
    assert "RuntimeError: never thought of" in caplog.text


# Over a real socket.


def beside_site(scenario: Callable[[aiohttp.ClientSession, str, AdminSite], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a session and the URL of the page; the site is closed afterwards."""

    async def main() -> None:
        site, sock = AdminSite(Edge()), listen_alone(Address("127.0.0.1", 0))
        await site.start(sock)
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with asyncio.timeout(LIMIT), aiohttp.ClientSession(connector=connector) as session:
                await scenario(session, f"http://{address_of(sock)}/api/v1/live", site)
        finally:
            await site.close()

    asyncio.run(main())


async def frame_of(answer: aiohttp.ClientResponse) -> Any:
    """The next frame of a stream."""
    assert await answer.content.readline() == b"event: frame\n"
    data = await answer.content.readline()
    assert await answer.content.readline() == b"\n"
    return json.loads(data.removeprefix(b"data: "))


def test_frames_come_as_server_sent_events() -> None:
    async def scenario(session: aiohttp.ClientSession, url: str, site: AdminSite) -> None:
        async with session.get(url) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
            assert answer.headers["Cache-Control"] == "no-store"
            frame = await frame_of(answer)
            assert list(frame) == [
                "time", "interval", "edge", "totals", "nodes", "tenants", "tenants_total", "sources", "flows",
            ]  # fmt: skip
            assert frame["time"].endswith("Z")
            assert frame["flows"] == {"total": 1, "matching": 0, "flows": []}

    beside_site(scenario)


def test_a_head_request_opens_no_view() -> None:
    async def scenario(session: aiohttp.ClientSession, url: str, site: AdminSite) -> None:
        async with session.head(url) as answer:
            assert answer.status == 405

    beside_site(scenario)


def test_one_viewer_too_many_is_told_so_and_may_come_when_another_has_left() -> None:
    async def scenario(session: aiohttp.ClientSession, url: str, site: AdminSite) -> None:
        answers = [await session.get(url) for _ in range(MOST_VIEWERS)]
        for answer in answers:
            await frame_of(answer)
        async with session.get(url) as refused:
            assert refused.status == 503
            assert (await refused.json())["error"].startswith("64 viewers look already")
        answers.pop().close()
        while (answer := await session.get(url)).status == 503:  # until the next frame is written to nobody
            answer.close()
            await asyncio.sleep(0.05)
        await frame_of(answer)
        for each in (*answers, answer):
            each.close()

    beside_site(scenario)


def test_streams_end_properly_when_the_site_closes() -> None:
    async def scenario(session: aiohttp.ClientSession, url: str, site: AdminSite) -> None:
        answer = await session.get(url)
        await frame_of(answer)
        reading = asyncio.create_task(answer.read(), name="viewer")
        await site.close()
        assert await reading == b""

    beside_site(scenario)
