"""The page of events over a real socket."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from s3edge.admin.events import described, server_sent
from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.events import BodyCut, Cause, NodeReturned, RequestShed, Subject
from s3edge.server.sockets import address_of, listen_alone
from s3edge.telemetry.journal import describe
from s3edge.telemetry.stream import KEPT, Batch, EventStream, Told
from tests.support.observed import QuietEdge

# 2024-02-29 12:00:00 UTC.
NOON = 1_709_208_000.0
RETURNED = Told(7, NOON + 0.0625, None, describe(NodeReturned("n1", None), 5.0))
# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 10.0


class Observed(QuietEdge):
    """An s3edge of which there is nothing to show but its events."""

    def __init__(self) -> None:
        super().__init__()
        self.events = EventStream(lambda: 0.0, lambda: NOON)


class Viewer:
    """A program that looks at the events of one s3edge."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._url = f"{base}/api/v1/events"

    async def list(self, query: str = "") -> Any:
        """The JSON of one look."""
        async with self._session.get(self._url + query) as answer:
            assert answer.status == 200
            return await answer.json()

    async def fault(self, query: str) -> tuple[int, str]:
        """Status and text of a look that is refused."""
        async with self._session.get(self._url + query) as answer:
            return answer.status, await answer.text()

    async def head(self) -> int:
        """The status of a HEAD request for a stream."""
        async with self._session.head(self._url, headers={"Accept": "text/event-stream"}) as answer:
            return answer.status

    async def follow(self, query: str = "", **headers: str) -> aiohttp.ClientResponse:
        """An open stream of server-sent events."""
        answer = await self._session.get(self._url + query, headers={"Accept": "text/event-stream", **headers})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
        return answer


async def message(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The fields of the next server-sent event."""
    fields: dict[str, str] = {}
    while line := (await answer.content.readline()).decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields


async def texts(answer: aiohttp.ClientResponse, count: int) -> list[str]:
    """The texts of the next events of a stream."""
    return [json.loads((await message(answer))["data"])["text"] for _ in range(count)]


def beside_site(scenario: Callable[[Viewer, EventStream], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a viewer of a stream; the site is closed afterwards."""

    async def main() -> None:
        observed = Observed()
        site, sock = AdminSite(observed), listen_alone(Address("127.0.0.1", 0))
        await site.start(sock)
        try:
            async with asyncio.timeout(LIMIT), aiohttp.ClientSession() as session:
                await scenario(Viewer(session, f"http://{address_of(sock)}"), observed.events)
        finally:
            await site.close()

    asyncio.run(main())


def returned(*nodes: str) -> list[Any]:
    """Events of nodes."""
    return [describe(NodeReturned(node, None), 0.0) for node in nodes]


def test_an_event_is_described_in_the_time_of_people() -> None:
    assert described(RETURNED) == {
        "sequence": 7,
        "time": "2024-02-29T12:00:00.062Z",
        "worker": None,
        "event": "NodeReturned",
        "level": "info",
        "node": "n1",
        "text": "n1 takes requests again",
    }


def test_an_event_about_a_request_says_about_which() -> None:
    shed = RequestShed("", Subject("GetObject", "demo", "a/key"), "rag", Cause.LIMIT, "too many wait")
    assert described(Told(8, NOON, 2, describe(shed, 5.0))) == {
        "sequence": 8,
        "time": "2024-02-29T12:00:00.000Z",
        "worker": 2,
        "event": "RequestShed",
        "level": "warning",
        "node": None,
        "text": "shed by limit: too many wait (tenant rag)",
        "operation": "GetObject",
        "bucket": "demo",
        "key": "a/key",
    }


def test_a_message_of_a_stream_is_one_line_of_json_whatever_the_key() -> None:
    cut = BodyCut("n1", Subject("GetObject", "demo", "a\n\ndata: b\u2028"), 1, "x")
    sent = server_sent(Batch(0, [Told(9, NOON, 0, describe(cut, 5.0))], 9))
    assert sent.startswith(b'id: 9\ndata: {"sequence": 9, ')
    assert sent.endswith(b'"key": "a\\n\\ndata: b\\u2028"}\n\n')
    assert sent.count(b"\n") == 3


def test_what_a_viewer_missed_is_said_before_what_it_gets_and_silence_is_a_comment() -> None:
    sent = server_sent(Batch(12, [RETURNED], 7))
    assert sent.startswith(b'event: missed\ndata: {"missed": 12}\n\nid: 7\ndata: {')
    assert server_sent(Batch(0, [], 7)) == b":\n\n"


def test_the_kept_events_come_as_a_list_with_the_newest_last() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        assert await viewer.list() == {"missed": 0, "events": []}
        stream.add(0, returned("n1", "n2"))
        shown = await viewer.list()
        assert [(event["sequence"], event["node"]) for event in shown["events"]] == [(1, "n1"), (2, "n2")]

    beside_site(scenario)


def test_a_list_can_begin_after_an_event_and_says_what_is_missing() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        stream.add(0, returned(*map(str, range(KEPT + 5))))
        shown = await viewer.list(f"?since={KEPT + 3}")
        assert ([event["sequence"] for event in shown["events"]], shown["missed"]) == ([KEPT + 4, KEPT + 5], 0)
        shown = await viewer.list("?since=2")
        assert (len(shown["events"]), shown["missed"]) == (KEPT, 3)

    beside_site(scenario)


def test_a_number_that_is_none_is_refused() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        for value in ("x", "-1", "", "1.5", "9" * 30, "%D9%A3"):
            status, text = await viewer.fault(f"?since={value}")
            assert status == 400
            assert json.loads(text)["error"].startswith("since: '")

    beside_site(scenario)


def test_a_head_request_opens_no_stream_that_nobody_reads() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        assert await viewer.head() == 405

    beside_site(scenario)


def test_a_stream_begins_with_what_is_kept_and_goes_on() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        stream.add(0, returned("n1", "n2"))
        async with await viewer.follow() as answer:
            first = await message(answer)
            assert (first["id"], json.loads(first["data"])["node"]) == ("1", "n1")
            assert await texts(answer, 1) == ["n2 takes requests again"]
            stream.add(1, returned("n3"))
            assert await texts(answer, 1) == ["n3 takes requests again"]

    beside_site(scenario)


def test_a_browser_that_comes_back_goes_on_after_the_last_event_that_it_saw() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        stream.add(0, returned("n1", "n2", "n3"))
        async with await viewer.follow("?since=1", **{"Last-Event-ID": "2"}) as answer:
            assert await texts(answer, 1) == ["n3 takes requests again"]
        async with await viewer.follow("?since=1") as answer:
            assert await texts(answer, 2) == ["n2 takes requests again", "n3 takes requests again"]

    beside_site(scenario)


def test_every_viewer_sees_every_event_and_one_that_leaves_disturbs_nobody() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        viewers = [await viewer.follow() for _ in range(20)]
        viewers.pop().close()
        for round_number in range(3):
            stream.add(0, returned(str(round_number)))
            for answer in viewers:
                assert await texts(answer, 1) == [f"{round_number} takes requests again"]
        for answer in viewers:
            answer.close()

    beside_site(scenario)


def test_a_slow_viewer_is_told_how_many_events_it_missed() -> None:
    async def scenario(viewer: Viewer, stream: EventStream) -> None:
        cut = describe(BodyCut("n1", Subject("GetObject", "b", "k" * 1024), 1, "x"), 0.0)
        async with await viewer.follow() as answer:
            for _ in range(60):  # of about a megabyte each, which no socket holds
                stream.add(0, [cut] * KEPT)
                await asyncio.sleep(0)
            seen, missed = 0, 0
            while seen + missed < 60 * KEPT:
                fields = await message(answer)
                if fields.get("event") == "missed":
                    missed += json.loads(fields["data"])["missed"]
                else:
                    seen += 1
                    assert int(fields["id"]) == seen + missed
            assert missed > 0

    beside_site(scenario)


def test_streams_end_properly_when_the_site_closes() -> None:
    ended: list[asyncio.Task[bytes]] = []

    async def main() -> None:
        observed = Observed()
        site, sock = AdminSite(observed), listen_alone(Address("127.0.0.1", 0))
        await site.start(sock)
        async with asyncio.timeout(LIMIT), aiohttp.ClientSession() as session:
            viewer = Viewer(session, f"http://{address_of(sock)}")
            answer = await viewer.follow()
            ended.append(asyncio.create_task(answer.read(), name="viewer"))
            await site.close()
            assert await ended[0] == b":\n\n"

    asyncio.run(main())
