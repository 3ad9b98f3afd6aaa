"""The bounds of the admin server."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest
from aiohttp import web

from s3edge.admin.door import BOUNDS, HEAD_LIMIT, LARGEST_BODY, Door
from tests.admin.visit import LIMIT, Visitor, visited
from tests.support.observed import AUTHORIZED, TOKEN, QuietEdge

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self) -> bytes:
        """The first line of the answer to a request."""
        self.writer.write(GET)
        return await self._reader.readline()

    async def is_closed(self) -> bool:
        """Wait for the server to close."""
        return not await self._reader.read()


Call = Callable[[], Coroutine[None, None, Caller]]


class Work:
    """What the server does for each request: it gives `begun` and waits until it `may_end`."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.begun.release()
        await self.may_end.wait()
        return web.Response(text="here")


def behind_door(most: int, scenario: Callable[[Call, Work], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a function that connects to a server with so many places."""

    async def main() -> None:
        door, work = Door(most), Work()
        app = web.Application(middlewares=[door.attend])
        app.add_routes([web.get("/", work.answer)])
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1, **BOUNDS)
        await runner.setup()
        assert runner.server is not None
        server = await asyncio.get_running_loop().create_server(door.of(runner.server), "127.0.0.1", 0)
        callers: list[Caller] = []

        async def call() -> Caller:
            callers.append(Caller(*await asyncio.open_connection(*server.sockets[0].getsockname())))
            return callers[-1]

        try:
            async with asyncio.timeout(LIMIT):
                await scenario(call, work)
        finally:
            work.may_end.set()
            for caller in callers:
                caller.writer.close()
            server.close()
            await runner.cleanup()

    asyncio.run(main())


def test_one_connection_too_many_takes_the_place_of_the_one_that_waits_longest() -> None:
    async def scenario(call: Call, work: Work) -> None:
        work.may_end.set()
        first, second, third = await call(), await call(), await call()
        assert await first.is_closed()
        assert await second.ask() == await third.ask() == b"HTTP/1.1 200 OK\r\n"

    behind_door(2, scenario)


def test_who_sends_a_head_byte_by_byte_keeps_nobody_out() -> None:
    async def scenario(call: Call, work: Work) -> None:
        work.may_end.set()
        slow = [await call() for _ in range(3)]
        for caller in slow:
            caller.writer.write(GET[:20])
        for _ in range(5):
            assert await (await call()).ask() == b"HTTP/1.1 200 OK\r\n"
        assert await slow[0].is_closed()

    behind_door(3, scenario)


def test_a_connection_whose_request_is_being_answered_keeps_its_place_and_others_are_turned_away() -> None:
    async def scenario(call: Call, work: Work) -> None:
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task((await call()).ask(), name="ask") for _ in range(2)]
            for _ in answers:
                await work.begun.acquire()
            assert await (await call()).is_closed()
            work.may_end.set()
        assert [answer.result() for answer in answers] == [b"HTTP/1.1 200 OK\r\n"] * 2

    behind_door(2, scenario)


def test_a_head_has_its_time_and_a_body_its_size() -> None:
    async def scenario(visitor: Visitor) -> None:
        server = visitor.site._runner.server
        assert server is not None
        assert server().keepalive_timeout == HEAD_LIMIT
        for size, status in ((LARGEST_BODY, 400), (LARGEST_BODY + 1, 413)):
            answer = await visitor.ask("POST", "/api/v1/tenants/default/pin", data=b" " * size, headers=AUTHORIZED)
            assert answer.status == status

    visited(QuietEdge(), scenario)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\x01\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization Bearer %s\r\n\r\n",
        b"GET /metrics?%s HTTP/9\r\nHost: x\r\n\r\n",
        b"%s\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: %s" + b"x" * 9000 + b"\r\n\r\n",
    ],
)
def test_a_head_that_cannot_be_read_is_answered_and_leaves_nothing_in_the_log(
    head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.send(head.replace(b"%s", TOKEN.encode()))
        assert answer.startswith(b"HTTP/1.0 400 ")

    with caplog.at_level(logging.DEBUG):
        visited(QuietEdge(), scenario)
    assert [record for record in caplog.records if record.name != "asyncio"] == []


def test_a_fault_of_our_own_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(QuietEdge):
        def why_not_ready(self) -> str | None:
            raise RuntimeError("never thought of")

    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask("GET", "/-/ready")).status == 500

    visited(Broken(), scenario)
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "never thought of"
