"""What the requests of one plan share: clusters by preference, and the pace of each kind of read."""

from random import Random

import pytest

from s3edge.config.policy import Balance
from s3edge.config.qos import Priority
from s3edge.config.resilience import PATIENCE, Failover, Hedge, Queue
from s3edge.http1.head import RequestHead, parse_request
from s3edge.proxy.permits import Permits
from s3edge.proxy.track import Track
from s3edge.resilience.budget import RetryBudget
from s3edge.resilience.hedge import Lateness
from s3edge.s3.request import S3Request, understand
from s3edge.upstream.places import Caller, Choice, FullError
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench, name_of, now

UNKNOWN = 0.25


def track(*benches: Bench, lateness: Lateness | None = None, patience: float = PATIENCE) -> Track:
    failover = Failover(patience=patience)
    clusters = tuple(bench.cluster for bench in benches)
    permits = Permits(RetryBudget(0.2), lambda: 0)
    return Track(clusters, failover, Hedge(quantile=0.9), permits, lateness or Lateness(UNKNOWN), Random(0))


def asked(line: bytes, *fields: bytes) -> tuple[S3Request, RequestHead]:
    head = parse_request(b"\r\n".join((line + b" HTTP/1.1", b"Host: s3", *fields, b"", b"")))
    return understand(head, ()), head


async def place(some: Track, *tried: str) -> str | None:
    nodes = [node for cluster in some.clusters for node in cluster.nodes if node.name in tried]
    caller = Caller("default", Priority.NORMAL, 1.0, Queue(wait=0.75))
    return name_of(await some.place(Choice(Balance.ROUND_ROBIN, nodes, b"key", True), caller, now()))


# Pace.


@pytest.mark.parametrize("line", [b"PUT /b/k", b"DELETE /b/k", b"POST /b/k?uploads"])
@pytest.mark.parametrize("fields", [(), (b"Range: bytes=0-9",)])
def test_what_is_no_read_has_no_pace(line: bytes, fields: tuple[bytes, ...]) -> None:
    async def main() -> None:
        assert track(Bench("a")).pace(*asked(line, *fields)) is None

    run(main())


@pytest.mark.parametrize(
    "one, other, is_same",
    [
        (asked(b"GET /b/k"), asked(b"GET /c/l"), True),
        (asked(b"GET /b/k"), asked(b"HEAD /b/k"), False),
        (asked(b"GET /b/k"), asked(b"GET /b/k", b"Range: bytes=5-"), False),
        (asked(b"GET /b/k", b"Range: bytes=0-9"), asked(b"GET /c/l", b"Range: bytes=-100"), True),
        (asked(b"GET /b/k", b"Range: bytes=0-9"), asked(b"GET /b/k", b"Range: bytes=0-999999"), False),
    ],
    ids=["two objects", "two operations", "object and open range", "two small ranges", "small and larger range"],
)
def test_reads_of_one_kind_share_a_pace(
    one: tuple[S3Request, RequestHead], other: tuple[S3Request, RequestHead], is_same: bool
) -> None:
    async def main() -> None:
        some = track(Bench("a"))
        assert (some.pace(*one) is some.pace(*other)) is is_same

    run(main())


def test_a_pace_begins_with_what_the_plan_says() -> None:
    async def main() -> None:
        for patience in (PATIENCE, 0.1):
            pace = track(Bench("a"), patience=patience).pace(*asked(b"GET /b/k"))
            assert pace is not None
            assert (pace.delay, pace.patience) == (min(UNKNOWN, patience), patience)

    run(main())


def test_what_one_plan_learns_of_a_cluster_another_one_knows() -> None:
    async def main() -> None:
        lateness = Lateness(UNKNOWN)
        pace = track(Bench("a"), lateness=lateness).pace(*asked(b"GET /b/k"))
        assert pace is not None
        for number in range(1000):
            pace.observed(0.04, float(number))
        other = track(Bench("a"), lateness=lateness).pace(*asked(b"GET /b/k"))
        assert other is not None
        assert 0.08 <= other.delay <= 0.088  # twice the median
        unrelated = track(Bench("a"), lateness=lateness).pace(*asked(b"HEAD /b/k"))
        assert unrelated is not None
        assert unrelated.delay == UNKNOWN

    run(main())


# Clusters.


def test_the_next_cluster_serves_when_the_preferred_one_has_no_node_left() -> None:
    async def main() -> None:
        near, far = Bench("a", "b"), Bench("c")
        some = track(near, far)
        assert [await place(some) for _ in range(3)] == ["a", "b", "a"]
        assert await place(some, "a", "b") == "c"
        for name in ("a", "b"):
            near[name].turned(False, 1.0, 0.0)
        assert await place(some) == "c"
        assert await place(some, "c") is None

    run(main())


def test_only_the_preferred_cluster_tells_whether_traffic_is_held_back() -> None:
    async def main() -> None:
        near, far = Bench("a"), Bench("c")
        some = track(near, far)
        far.throttle("c")
        assert not some.is_throttled
        near.throttle("a")
        assert some.is_throttled

    run(main())


def test_a_throttled_cluster_is_waited_for_before_the_next_one_is_asked() -> None:
    async def main() -> None:
        near, far = Bench("a"), Bench("c")
        some = track(near, far)
        near.throttle("a")
        assert await place(some) == "a"
        assert now() == pytest.approx(0.1)
        assert await place(some, "a") == "c"
        near.throttle("a", rate=0.1)
        assert await place(some) == "c", "its queue was too slow"
        assert now() == pytest.approx(0.85)
        far.throttle("c", rate=0.1)
        with pytest.raises(FullError, match="no node could take it"):
            await place(some)

    run(main())
