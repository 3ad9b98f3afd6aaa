"""What the requests share that go the same way to the nodes, whoever they belong to and whatever limits them."""

from math import inf
from random import Random

from s3edge.config.qos import Priority
from s3edge.config.resilience import Failover, Hedge
from s3edge.http1.head import RequestHead
from s3edge.proxy.permits import Permits
from s3edge.resilience.budget import HedgeBudget
from s3edge.resilience.hedge import Amount, Lateness, Pace, amount
from s3edge.s3.operation import TRAITS, Operation
from s3edge.s3.request import S3Request
from s3edge.telemetry.meter import Meter
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
    """Clusters by preference, what is done there about failures, the budgets for it, and what is late.

    Plans that differ in other things only share one: with a policy of limits for each of a thousand tenants, there is
    still one pace of a GET, which learns once and stays in the processor's cache.
    """

    def __init__(
        self,
        clusters: tuple[Cluster, ...],
        failover: Failover,
        hedge: Hedge,
        permits: Permits,
        lateness: Lateness,
        rng: Random,
    ) -> None:
        self.clusters = clusters
        self.first = clusters[0]
        self.failover = failover
        self.permits = permits
        self.hedges = HedgeBudget(hedge.budget)
        self.rng = rng
        self._hedge = hedge
        self._lateness = lateness
        self._paces = _Paces(self)
        self._ranged: dict[tuple[Operation, Amount], Pace] = {}

    @property
    def is_throttled(self) -> bool:
        """Whether a node of the preferred cluster wants less traffic: then nothing is sent twice for speed."""
        return self.first.is_throttled

    def take_hedge(self, meter: Meter) -> bool:
        """Whether a second node may be asked for speed: not while one wants less traffic, nor beyond the budget."""
        if self.is_throttled:
            return False
        is_taken = self.hedges.take()
        if not is_taken and self._hedge.budget:
            meter.budget_denied(self.first.name, "hedge")
        return is_taken

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
        return self._lateness.pace(operation, size, self._hedge.quantile, self.failover.patience)

    def place_now(self, choice: Choice, priority: Priority) -> Standing | None:
        """Who can take another attempt at once, in the preferred cluster, whose nodes cannot take all; None: nobody."""
        return self.first.place_now(choice, priority)

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
