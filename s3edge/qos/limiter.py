"""What one scope (the whole edge, a tenant, a client address, a bucket) may take in this worker, and what it takes."""

from collections.abc import Sized
from enum import StrEnum
from math import inf
from typing import Final

from s3edge.config.qos import Limits
from s3edge.qos.bucket import Bucket
from s3edge.s3.operation import OperationClass

CONCURRENCY: Final = "concurrency"
CONNECTIONS: Final = "connections"
LEVELS: Final = frozenset((CONCURRENCY, CONNECTIONS))
"""The dimensions that count what is there now, in whole numbers; the others are rates per second."""

# The least that a worker has of a rate, as a part of the whole, whatever its lease: so every debt is paid some time.
# 64 workers without a lease exceed the limit by less than 1% together.
LEAST_PART: Final = 1e-4
# A whole number that was divided and multiplied again may be less than itself by this much.
_ROUNDING: Final = 1e-9


class ScopeKind(StrEnum):
    """What is held to limits together."""

    EDGE = "edge"
    TENANT = "tenant"
    CLIENT = "client"
    BUCKET = "bucket"
    GUARD = "guard"  # a tenant or a client address that the runaway guard, or the operator, holds


class Limiter:
    """The limits of one scope at work; a scope without any limit has no limiter.

    `dimensions` are the names of the limits and what all workers together may take: `requests`, `requests.read`,
    `requests.write`, `requests.list` (per second), `received`, `sent` (body bytes per second), `concurrency` (requests
    in flight) and `connections`. This worker has `part` of each, until `lease` says how much.

    `name` tells people which scope it is, and metrics its `kind` and the `policy` that says the limits, empty for those
    of the edge and of the guard. `inflight` are the requests between `take` and `leave`. The owner counts
    `connections`, keeps in `waiting` whoever waits to start, and takes body bytes from the buckets `received` and
    `sent`, which are None if there is no limit.
    """

    __slots__ = (
        "_buckets",
        "_burst",
        "_counted",
        "_most_connections",
        "_most_inflight",
        "_part",
        "_parts",
        "_wanted",
        "connections",
        "dimensions",
        "inflight",
        "kind",
        "name",
        "policy",
        "received",
        "sent",
        "waiting",
    )

    def __init__(
        self,
        limits: Limits,
        *,
        part: float = 1.0,
        name: str = "",
        policy: str = "",
        kind: ScopeKind = ScopeKind.EDGE,
    ) -> None:
        self.name = name
        self.policy = policy
        self.kind = kind
        self.inflight = 0
        self.connections = 0
        self.waiting: Sized = ()  # what waits there is up to the owner
        self._part = part
        self._parts: dict[str, float] = {}  # of the dimensions that have a lease
        self._wanted: set[str] = set()  # the levels at which somebody found no room
        self._buckets: dict[str, Bucket] = {}  # of the dimensions that are rates
        self.change(limits, 0.0)

    def delay(self, kind: OperationClass, now: float) -> float:
        """The seconds until a request may start: 0 for at once, `inf` for when another ends. It costs 0.1 to 0.25 us.

        A write waits until the debt of received bytes is paid, any other request until that of sent ones is.
        """
        if self.inflight >= self._most_inflight:
            self._wanted.add(CONCURRENCY)
            return inf
        longest = 0.0
        for bucket in self._counted[kind]:
            delay = bucket.delay(now)
            if delay:
                longest = max(longest, delay)
        body = self.received if kind is OperationClass.WRITE else self.sent
        return longest if body is None else max(longest, body.delay(now))

    def blocks(self, kind: OperationClass, now: float) -> str:
        """The dimension by which a request must wait, for people; empty if it need not."""
        if self.inflight >= self._most_inflight:
            return CONCURRENCY
        body = "received" if kind is OperationClass.WRITE else "sent"
        asked = ("requests", f"requests.{kind}", body)
        names = (name for name in asked if name in self._buckets and self._buckets[name].delay(now))
        return next(names, "")

    def take(self, kind: OperationClass, now: float) -> None:
        """A request starts. With `leave` it costs 0.1 to 0.3 us."""
        self.inflight += 1
        for bucket in self._counted[kind]:
            bucket.take(1.0, now)

    def enter(self, kind: OperationClass, now: float) -> bool:
        """`take`, if there is no `delay` and nobody waits; whether that is so."""
        if self.waiting or self.inflight >= self._most_inflight:
            if not self.waiting:
                self._wanted.add(CONCURRENCY)
            return False
        counted = self._counted[kind]
        for bucket in counted:
            if bucket.delay(now):
                return False
        body = self.received if kind is OperationClass.WRITE else self.sent
        if body is not None and body.delay(now):
            return False
        self.inflight += 1
        for bucket in counted:
            bucket.take(1.0, now)
        return True

    def leave(self) -> None:
        """A request has ended."""
        self.inflight -= 1

    def refund(self, kind: OperationClass) -> None:
        """A request did not count after all, for instance because a node did not believe what it claimed.

        It is in flight until it leaves, nevertheless.
        """
        for bucket in self._counted[kind]:
            bucket.give_back(1.0)

    def has_room_for_connection(self) -> bool:
        """Whether one more connection may be open."""
        if self.connections < self._most_connections:
            return True
        self._wanted.add(CONNECTIONS)
        return False

    def is_idle(self, now: float) -> bool:
        """Whether a new limiter would do the same: nobody is there, nothing is owed, every burst is whole."""
        if self.inflight or self.connections or self.waiting:
            return False
        return all(bucket.is_full(now) for bucket in self._buckets.values())

    def change(self, limits: Limits, now: float) -> None:
        """Take other limits, of which this worker has the same parts.

        What is in flight and what is owed stays. A limit that is gone holds nobody up, not even a body under way.
        """
        self._burst = limits.burst
        self.dimensions = _dimensions(limits)
        for name in self._buckets.keys() - self.dimensions.keys():
            self._buckets.pop(name).change(inf, limits.burst, now)
        self._most_inflight = self._most_connections = inf
        self._parts = {name: part for name, part in self._parts.items() if name in self.dimensions}
        for name in self.dimensions:
            self._divide(name, now)
        self.received = self._buckets.get("received")
        self.sent = self._buckets.get("sent")
        self._counted = {kind: self._present("requests", f"requests.{kind}") for kind in OperationClass}

    def lease(self, dimension: str, amount: float, now: float) -> None:
        """This worker has `amount` of a dimension from now on, in its unit and at most the whole of it.

        A lease that was granted before the limits changed may be too large, or for a limit that there is no more.
        """
        whole = self.dimensions.get(dimension)
        if whole is not None:
            self._parts[dimension] = min(amount / whole, 1.0)
            self._divide(dimension, now)

    def demand(self, dimension: str) -> tuple[float, bool]:
        """What was taken of a rate since the last call, or is there of a level now; and whether that was too little.

        It was if somebody was told to wait since the last call, or before and the line has not been empty since.
        """
        bucket = self._buckets.get(dimension)
        if bucket is None:
            is_wanted = dimension in self._wanted
            if dimension == CONNECTIONS or not self.waiting:  # nobody waits to connect
                self._wanted.discard(dimension)
            return float(self.inflight if dimension == CONCURRENCY else self.connections), is_wanted
        used, is_wanted = max(bucket.taken, 0.0), bucket.is_wanted  # a refund may be of what was reported before
        bucket.taken = 0.0
        bucket.is_wanted = is_wanted and bool(self.waiting)
        return used, is_wanted

    def _present(self, *names: str) -> tuple[Bucket, ...]:
        return tuple(self._buckets[name] for name in names if name in self._buckets)

    def _divide(self, name: str, now: float) -> None:
        """Hold a dimension to this worker's part of it."""
        whole, part = self.dimensions[name], self._parts.get(name, self._part)
        if name == CONCURRENCY:
            self._most_inflight = int(whole * part + _ROUNDING)
        elif name == CONNECTIONS:
            self._most_connections = int(whole * part + _ROUNDING)
        elif name in self._buckets:
            self._buckets[name].change(whole * max(part, LEAST_PART), self._burst, now)
        else:
            self._buckets[name] = Bucket(whole * max(part, LEAST_PART), self._burst)


def limits_something(limits: Limits) -> bool:
    """Whether there is any limit, but for those of each client or bucket."""
    return bool(_dimensions(limits))


def _dimensions(limits: Limits) -> dict[str, float]:
    requests, bandwidth = limits.requests, limits.bandwidth
    every = {
        "requests": requests.all,
        "requests.read": requests.read,
        "requests.write": requests.write,
        "requests.list": requests.list,
        "received": bandwidth.received,
        "sent": bandwidth.sent,
        CONCURRENCY: limits.concurrency,
        CONNECTIONS: limits.connections,
    }
    return {name: whole for name, whole in every.items() if whole is not None}
