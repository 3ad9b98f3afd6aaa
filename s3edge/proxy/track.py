"""What the requests of one plan share on their way to the nodes."""

from math import inf
from random import Random

from s3edge.http1.head import RequestHead
from s3edge.proxy.permits import Permits
from s3edge.resilience.budget import HedgeBudget
from s3edge.resilience.hedge import Amount, Lateness, Pace, amount
from s3edge.routing.table import Plan
from s3edge.s3.operation import TRAITS, Operation
from s3edge.s3.request import S3Request
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.places import Caller, Choice, FullError
from s3edge.upstream.standing import Standing


class _Paces(dict[Operation, Pace | None]):
    """The pace of each operation without a range; None for what is not hedged."""

    def __init__(self, track: "Track") -> None:
        self._track = track

    def __missing__(self, operation: Operation) -> Pace | None:
        is_read = TRAITS[operation].hedgeable
        pace = self[operation] = self._track.pace_of(operation, Amount.WHOLE) if is_read else None
        return pace


class Track:
    """The clusters of a plan by preference, the budgets of its retries and hedges, and what is late for it."""

    def __init__(
        self, plan: Plan, clusters: tuple[Cluster, ...], permits: Permits, lateness: Lateness, rng: Random
    ) -> None:
        self.plan = plan
        self.clusters = clusters
        self.first = clusters[0]
        self.permits = permits
        self.hedges = HedgeBudget(plan.hedge.budget)
        self.rng = rng
        self._lateness = lateness
        self._paces = _Paces(self)
        self._ranged: dict[tuple[Operation, Amount], Pace] = {}

    @property
    def is_throttled(self) -> bool:
        """Whether a node of the preferred cluster wants less traffic: then nothing is sent twice for speed."""
        return self.first.is_throttled

    def pace(self, request: S3Request, head: RequestHead) -> Pace | None:
        """How soon the first byte is due; None if the request is no read, which has no usual time."""
        if not head.has_range:
            return self._paces[request.operation]
        if not TRAITS[request.operation].hedgeable:
            return None
        kind = (request.operation, amount(request.range))
        pace = self._ranged.get(kind)
        if pace is None:
            pace = self._ranged[kind] = self.pace_of(*kind)
        return pace

    def pace_of(self, operation: Operation, size: Amount) -> Pace:
        """The pace of a kind of read, made anew."""
        return self._lateness.pace(operation, size, self.plan.hedge.quantile, self.plan.failover.patience)

    def place_now(self, choice: Choice) -> Standing | None:
        """Who can take another attempt at once, in the preferred cluster, whose nodes cannot take all; None: nobody."""
        return self.first.place_now(choice, self.plan.priority)

    async def place(self, choice: Choice, caller: Caller, now: float, limit: float = inf) -> Standing | None:
        """Who takes the next attempt, of any cluster; None if no node that was not tried can be used.

        Where nodes cannot take all it waits for its turn, for `limit` seconds at most. Raises `FullError`.
        """
        full: FullError | None = None
        for cluster in self.clusters:
            try:
                if cluster.is_limited:
                    standing = await cluster.place(choice, caller, limit)
                else:
                    standing = cluster.pick(*choice, now)
            except FullError as error:
                full = error
            else:
                if standing is not None:
                    return standing
        if full is not None:
            raise full
        return None
