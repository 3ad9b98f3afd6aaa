"""Admitting requests by limits: what is taken, who waits in which line, and what is left behind: nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import pytest

from s3edge.config.qos import Priority, ScopedLimits
from s3edge.config.resilience import Queue
from s3edge.errors import Overloaded
from s3edge.events import Cause, Event, RequestShed
from s3edge.http1.head import parse_request
from s3edge.proxy.admission import Admission
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.progress import Progress
from s3edge.qos.activity import Source
from s3edge.routing.table import Plan
from s3edge.s3.request import understand
from s3edge.transport.wheel import FINE_TICK, Wheel
from tests.proxy.stage import connected
from tests.support.virtual_time import run

GET = parse_request(b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n")
PUT = parse_request(b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 1\r\n\r\n")
NOTHING = ScopedLimits()


def limits(**sections: Any) -> ScopedLimits:
    return ScopedLimits.model_validate(sections)


class Desk:
    """An admission, and requests of one client for it."""

    def __init__(self, client: ClientConnection, edge: ScopedLimits) -> None:
        self.client = client
        self.events: list[Event] = []
        self.fine = Wheel(asyncio.get_running_loop(), FINE_TICK)
        self.admission = Admission(edge, self.fine)

    def request(
        self,
        own: ScopedLimits | None = None,
        *,
        tenant: str = "a",
        priority: Priority = Priority.NORMAL,
        queue: Queue = Queue(length=9, wait=9.0),
        head: Any = GET,
    ) -> Progress:
        progress = Progress(self.client, head, understand(head, ()), now(), self.events.append)
        progress.tenant = tenant
        progress.plan = Plan(("c",), priority, limits=own, limits_of="" if own is None else "p", queue=queue)
        return progress

    def enters(self, progress: Progress) -> bool:
        return self.admission.enter(progress, now())

    def waits(self, progress: Progress) -> asyncio.Task[None]:
        assert not self.enters(progress)
        return asyncio.create_task(self.admission.wait(progress), name="waits")

    @property
    def inflight(self) -> dict[str, int]:
        return {name: limiter.inflight for name, limiter in self.admission.limiters()}


@asynccontextmanager
async def desk(edge: ScopedLimits = NOTHING) -> AsyncIterator[Desk]:
    """At its end nobody may wait, and no timer may be left."""
    async with connected() as (client, _):
        the_desk = Desk(client, edge)
        yield the_desk
        assert the_desk.admission.waiting == 0
        await asyncio.sleep(2 * FINE_TICK)
        assert the_desk.admission._timer.due == inf
        the_desk.admission.close()
        the_desk.fine.close()


def now() -> float:
    return asyncio.get_running_loop().time()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_request_takes_of_all_limits_that_it_falls_under_and_gives_all_back() -> None:
    async def main() -> None:
        every = {"concurrency": 5, "per_client": {"concurrency": 5}, "per_bucket": {"concurrency": 5}}
        async with desk(limits(**every)) as the:
            the.admission.hold(Source("tenant", "a"), 100.0, None)
            request = the.request(limits(**every))
            assert the.enters(request)
            address = the.client.address
            within = ("", f"/client/{address}", "/bucket/bucket")
            names = {f"{scope}{part}" for scope in ("edge", "p/a") for part in within}
            assert the.inflight == dict.fromkeys(names | {"held/tenant a"}, 1)
            the.admission.leave(request)
            the.admission.leave(request)
            assert set(the.inflight.values()) == {0}

    run(main())


def test_without_limits_there_is_nothing_to_ask() -> None:
    async def main() -> None:
        async with desk() as the:
            assert not the.admission.concerns(the.request())
            assert the.admission.concerns(the.request(limits(concurrency=1)))
            the.admission.hold(Source("client", "198.51.100.7"), 1.0, None)
            assert the.admission.concerns(the.request())

    run(main())


def test_who_comes_waits_behind_those_who_wait() -> None:
    async def main() -> None:
        own = limits(requests={"read": "1/s"}, burst="1s", concurrency=9)
        async with desk() as the:
            assert [the.enters(the.request(own)) for _ in range(3)] == [True, True, False]
            waiting = the.waits(the.request(own))
            await settled()
            assert not the.enters(the.request(own, head=PUT)), "its own rate has no limit, but the line is there"
            await waiting
            assert now() == 1.0

    run(main())


@pytest.mark.parametrize("narrow", ["edge", "own"])
def test_who_waits_for_one_limit_takes_of_none_until_all_have_room(narrow: str) -> None:
    async def main() -> None:
        few, many = limits(concurrency=1), limits(concurrency=9)
        edge, own = (few, many) if narrow == "edge" else (many, few)
        async with desk(edge) as the:
            first, second = the.request(own), the.request(own)
            assert the.enters(first)
            waiting = the.waits(second)
            await settled()
            assert the.inflight == {"edge": 1, "p/a": 1}
            the.admission.leave(first)
            await waiting
            assert the.inflight == {"edge": 1, "p/a": 1}
            the.admission.leave(second)

    run(main())


def test_who_gets_room_in_one_line_waits_in_the_next_one() -> None:
    async def main() -> None:
        async with desk(limits(requests="1/s", burst="1s")) as the:
            own = limits(concurrency=1)
            first, second, other = the.request(own), the.request(own), the.request(tenant="b")
            assert the.enters(first)
            waiting = the.waits(second)
            await settled()
            assert the.enters(other)
            the.admission.leave(first)
            await settled()
            assert not waiting.done()
            await waiting
            assert now() == 1.0
            assert the.inflight == {"edge": 2, "p/a": 1}

    run(main())


def test_the_wait_ends_with_the_policys_queue_and_is_told() -> None:
    async def main() -> None:
        own = limits(concurrency=1)
        async with desk() as the:
            assert the.enters(the.request(own))
            with pytest.raises(Overloaded, match="waited for as long as its policy allows") as refused:
                await the.waits(the.request(own, queue=Queue(length=1, wait=0.5)))
            assert (refused.value.status, refused.value.code) == (503, "SlowDown")
            assert 0.5 <= now() <= 0.5 + FINE_TICK
            (event,) = the.events
            assert isinstance(event, RequestShed)
            assert (event.tenant, event.cause) == ("a", Cause.LIMIT)

    run(main())


def test_who_is_cancelled_leaves_the_line_and_keeps_nothing() -> None:
    async def main() -> None:
        own = limits(concurrency=1)
        async with desk() as the:
            first, second, third = (the.request(own) for _ in range(3))
            assert the.enters(first)
            leaver, last = the.waits(second), the.waits(third)
            await settled()
            the.admission.leave(first)
            leaver.cancel()  # in the moment of its turn
            with pytest.raises(asyncio.CancelledError):
                await leaver
            assert second.is_admitted, "whoever records the end of the request gives it back"
            the.admission.leave(second)
            await last
            assert the.inflight == {"p/a": 1}

    run(main())


def test_limits_that_go_let_all_start_who_wait_for_them() -> None:
    async def main() -> None:
        own = limits(concurrency=1)
        async with desk() as the:
            first = the.request(own)
            assert the.enters(first)
            waiting = [the.request(own) for _ in range(3)]
            tasks = [the.waits(each) for each in waiting]
            await settled()
            for each in (first, *waiting):
                each.plan = Plan(("c",))
            the.admission.change(NOTHING, {}, ())
            await asyncio.gather(*tasks)
            assert now() == 0
            assert the.inflight == {}
            for each in (first, *waiting):
                the.admission.leave(each)

    run(main())
