"""At which pace the bodies of a request may move, and what they are charged with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from s3edge.config.qos import Limits, Priority
from s3edge.http1.head import parse_request
from s3edge.proxy.pacing import Pacing
from s3edge.proxy.progress import Progress
from s3edge.proxy.upload import Upload
from s3edge.qos.bucket import Bucket
from s3edge.qos.limiter import Limiter
from s3edge.routing.table import Plan
from s3edge.s3.request import understand
from s3edge.transport.pacing import LEAST_QUANTUM, Link, Pacer
from s3edge.transport.pipes import Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.recording import Room
from s3edge.transport.splice import Splicing
from s3edge.transport.wheel import FINE_TICK, Wheel
from s3edge.upstream.standing import Standing
from tests.proxy.stage import connected
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench

HEAD = parse_request(b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 1000000\r\n\r\n")
BOTH = Limits.model_validate({"bandwidth": {"sent": "1MiB/s", "received": "2MiB/s"}})


class Desk:
    """A pacing, a request without limits, and a node whose bandwidth is not limited."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.pacer = Pacer(Wheel(asyncio.get_running_loop(), FINE_TICK))
        self.pacing = Pacing(self.pacer)
        self.standing: Standing = Bench("a")["a"]

    def limited(self) -> Limiter:
        limiter = Limiter(BOTH)
        self.progress.limiters = (limiter,)
        return limiter

    def linked(self) -> Link:
        self.standing.link = self.standing.tabs.link = self.pacer.link(1e6)
        return self.standing.link

    def upload(self) -> Upload:
        splicing = Splicing(Pipes(), Readiness(asyncio.get_running_loop()))
        return Upload(self.progress.client, HEAD, 0, Room(), splicing)

    @property
    def virtual(self) -> float:
        return self.standing.tabs.tab("a").account.virtual


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    async with connected() as (client, _):
        progress = Progress(client, HEAD, understand(HEAD, ()), 0.0, lambda _: None)
        progress.tenant = "a"
        progress.plan = Plan(("c",), Priority.BACKGROUND, weight=2.0)
        the_desk = Desk(progress)
        yield the_desk
        the_desk.pacer.close()


def taken(bucket: Bucket | None) -> float:
    assert bucket is not None
    return bucket.taken


def test_what_nothing_limits_has_no_flow() -> None:
    async def main() -> None:
        async with desk() as the:
            assert the.pacing.answer(the.progress, the.standing) is None
            upload = the.upload()
            the.pacing.upload(the.progress, upload, the.standing.tabs)
            assert upload.flow is None

    run(main())


def test_an_answer_is_paced_by_the_limits_of_bytes_sent_and_an_upload_by_those_received() -> None:
    async def main() -> None:
        async with desk() as the:
            limiter = the.limited()
            flow = the.pacing.answer(the.progress, the.standing)
            assert flow is not None
            assert (flow.caps, flow.link, flow.priority) == ((limiter.sent,), None, Priority.BACKGROUND)
            upload = the.upload()
            the.pacing.upload(the.progress, upload, the.standing.tabs)
            assert upload.flow is not None
            assert upload.flow.caps == (limiter.received,)
            assert [taken(limiter.sent), taken(limiter.received)] == [LEAST_QUANTUM, 0], "it may never be sent"

    run(main())


def test_a_body_counts_for_its_tenant_by_the_weight_that_its_policy_says() -> None:
    async def main() -> None:
        async with desk() as the:
            link = the.linked()
            flow = the.pacing.answer(the.progress, the.standing)
            assert flow is not None
            assert flow.link is link
            assert the.virtual == LEAST_QUANTUM / 2

    run(main())


def test_what_the_place_was_charged_is_given_back_once() -> None:
    async def main() -> None:
        async with desk() as the:
            link = the.linked()
            tab = the.standing.tabs.tab("a")
            tab.account.weight = 2.0
            the.progress.prepaid = the.standing.tabs.prepay(tab, 0.0)
            assert (the.virtual, taken(link.bucket)) == (8192, 16384)
            the.pacing.charge(the.progress, the.standing, 1000, 0.0)
            assert (the.virtual, taken(link.bucket), the.progress.prepaid) == (500, 1000, 0)
            the.pacing.charge(the.progress, the.standing, 1000, 0.0)
            assert the.virtual == 1000

    run(main())


def test_a_body_that_goes_on_from_another_node_keeps_its_flow() -> None:
    async def main() -> None:
        async with desk() as the:
            the.limited()
            flow = the.pacing.answer(the.progress, the.standing)
            assert flow is not None
            other: Standing = Bench("b")["b"]
            other.link = other.tabs.link = the.pacer.link(5e6)
            assert the.pacing.answer(the.progress, other) is flow
            assert (flow.link, flow.account) == (other.link, other.tabs.tab("a").account)

    run(main())


def test_a_small_answer_is_charged_to_every_limit() -> None:
    async def main() -> None:
        async with desk() as the:
            limiter = the.limited()
            the.pacing.charge(the.progress, the.standing, 1000, 0.0)
            assert taken(limiter.sent) == 1000
            link = the.linked()
            the.pacing.charge(the.progress, the.standing, 1000, 0.0)
            assert (taken(limiter.sent), taken(link.bucket), taken(limiter.received)) == (2000, 1000, 0)

    run(main())


def test_an_upload_that_is_never_sent_costs_nothing() -> None:
    """Regression: its first quantum stayed charged."""

    async def main() -> None:
        async with desk() as the:
            limiter, upload = the.limited(), the.upload()
            the.pacing.upload(the.progress, upload, the.standing.tabs)
            upload.stop()
            assert taken(limiter.received) == 0

    run(main())
