"""The limits of one tenant, or of the whole edge, with those of each client address and of each bucket in them."""

from collections.abc import Callable, Iterator

from s3edge.config.qos import Limits, ScopedLimits
from s3edge.qos.limiter import Limiter, ScopeKind, limits_something
from s3edge.qos.scopes import Scopes


class Scope:
    """The limits `name` at work, which `policy` says, or nobody; this worker has `part` of each, until it has a lease.

    `alone` is all that any request falls under, where that is the same for each. `own` are those of all together,
    `clients` and `buckets` those of each one; None where nothing is limited.
    """

    __slots__ = ("_limits", "_part", "alone", "buckets", "clients", "counts_connections", "name", "own", "policy")

    def __init__(self, name: str, limits: ScopedLimits, part: float, policy: str = "") -> None:
        self.name = name
        self.policy = policy
        self._part = part
        self.own: Limiter | None = None
        self.clients: Scopes | None = None
        self.buckets: Scopes | None = None
        self.change(limits, 0.0)

    def change(self, limits: ScopedLimits, now: float) -> None:
        """Take other limits; what was used stays used."""
        self._limits = limits
        if not limits_something(limits):
            self.own = None
        elif self.own is None:
            kind = ScopeKind.TENANT if self.policy else ScopeKind.EDGE
            self.own = self._make(limits, self.name, kind)
        else:
            self.own.change(limits, now)
        self.clients = _within(self.clients, limits.per_client, self._make_client, now)
        self.buckets = _within(self.buckets, limits.per_bucket, self._make_bucket, now)
        self.counts_connections = any(
            each is not None and each.connections is not None for each in (limits, limits.per_client)
        )
        is_simple = self.own is not None and self.clients is None and self.buckets is None
        self.alone = (self.own,) if self.own is not None and is_simple else None

    def limiters(self, address: str, bucket: str, now: float) -> Iterator[Limiter]:
        """Those that a request falls under."""
        if self.own is not None:
            yield self.own
        if self.clients is not None:
            yield self.clients.get(address, now)
        if self.buckets is not None and bucket:
            yield self.buckets.get(bucket, now)

    def all_limiters(self) -> Iterator[tuple[str, Limiter]]:
        """All limiters that there are now, by names that are the same in every worker."""
        if self.own is not None:
            yield self.name, self.own
        for scopes in (self.clients, self.buckets):
            if scopes is not None:
                for limiter in scopes.values():
                    yield limiter.name, limiter

    def _make_client(self, address: str) -> Limiter:
        assert self._limits.per_client is not None
        return self._make(self._limits.per_client, f"{self.name}/client/{address}", ScopeKind.CLIENT)

    def _make_bucket(self, bucket: str) -> Limiter:
        assert self._limits.per_bucket is not None
        return self._make(self._limits.per_bucket, f"{self.name}/bucket/{bucket}", ScopeKind.BUCKET)

    def _make(self, limits: Limits, name: str, kind: ScopeKind) -> Limiter:
        return Limiter(limits, part=self._part, name=name, policy=self.policy, kind=kind)


def _within(scopes: Scopes | None, limits: Limits | None, make: Callable[[str], Limiter], now: float) -> Scopes | None:
    if limits is None or not limits_something(limits):
        return None
    if scopes is None:
        return Scopes(make)
    scopes.change(limits, now)
    return scopes
