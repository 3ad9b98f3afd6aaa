"""The demo shows what the admin server tells."""

import asyncio
from collections.abc import Iterable

from s3edge.admin.site import AdminSite
from s3edge.config.address import Address
from s3edge.demo.watch import Hidden, Sight, Watch
from s3edge.events import BodyResumed, End, Hedged, NodeEjected, Subject
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import NodeState, Thresholds
from s3edge.server.sockets import address_of, listen_alone
from s3edge.telemetry.meter import Meter, Snapshot
from tests.support.observed import QuietEdge

SUBJECT = Subject("GetObject", "demo", "large")
RESUMED = BodyResumed("n2:9000", SUBJECT, 1024, 0.003, 0)


class Observed(QuietEdge):
    """An s3edge with two nodes, of which the first is ejected."""

    def __init__(self) -> None:
        super().__init__()
        self.meter = Meter()

    def nodes(self) -> Iterable[NodeStatus]:
        for name in ("n1:9000", "n2:9000"):
            yield NodeStatus(name, f"http://{name}", "c", Probed(Thresholds(2, 3)), 0.0, state=NodeState.UP)

    async def snapshot(self) -> Snapshot:
        return {**self.meter.snapshot(), "s3edge_node_ejected": [(["n1:9000"], 1), (["n2:9000"], 0)]}


def looks(observed: Observed, count: int = 1) -> list[Sight | None]:
    """What so many looks in a row see."""

    async def main() -> list[Sight | None]:
        site, sock = AdminSite(observed), listen_alone(Address("127.0.0.1", 0))
        await site.start(sock)
        try:
            async with Watch(f"http://{address_of(sock)}") as watch:
                return [await watch.look() for _ in range(count)]
        finally:
            await site.close()

    return asyncio.run(main())


def test_a_node_that_live_traffic_took_away_is_shown_as_ejected_though_probes_call_it_up() -> None:
    [sight] = looks(Observed())
    assert sight is not None
    assert sight.states == {"n1:9000": "ejected", "n2:9000": "up"}


def test_hidden_are_attempts_that_failed_by_a_nodes_fault_and_resumes_and_hedges_that_were_sent() -> None:
    observed = Observed()
    for end in (End.BROKE_OFF, End.UNREACHABLE, End.UNREACHABLE, End.DONE, End.BEATEN, End.SLOW_DOWN):
        observed.meter.attempt("n1:9000", end)
    for event in (RESUMED, Hedged("n2:9000", SUBJECT, 0.02), Hedged("n2:9000", SUBJECT, 0.02)):
        observed.meter.event(event)
    [sight] = looks(observed)
    assert sight is not None
    assert sight.hidden == Hidden(failures=3, resumes=1, hedges=2)


def test_an_event_is_told_once_and_not_every_kind_is() -> None:
    observed = Observed()
    for event in (Hedged("n2:9000", SUBJECT, 0.02), RESUMED, NodeEjected("n1:9000", None, "5 failures in a row", 2.0)):
        observed.events.report(event)
    first, second = looks(observed, count=2)
    assert first is not None
    assert second is not None
    assert first.news == [
        "large resumed from n2:9000 at byte 1024 after 3 ms",
        "n1:9000 ejected for 2 s: 5 failures in a row",
    ]
    assert second.news == []


def test_without_an_admin_server_there_is_nothing_to_see() -> None:
    with listen_alone(Address("127.0.0.1", 0)) as sock:
        address = address_of(sock)

    async def look() -> Sight | None:
        async with Watch(f"http://{address}") as watch:
            return await watch.look()

    assert asyncio.run(look()) is None
