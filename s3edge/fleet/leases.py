"""The leases of one worker: what it may use of each limit, and what it says of its use."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from s3edge.fleet.shared import Demand, Division, Report, even_part
from s3edge.qos.limiter import LEVELS


class Leased(Protocol):
    """Limits of one scope that can be held to a part of them, as `qos.limiter.Limiter` can."""

    @property
    def dimensions(self) -> Mapping[str, float]:
        """The names of the limits, and what all workers together may take of each."""

    def demand(self, dimension: str) -> tuple[float, bool]:
        """What was taken of a rate since the last call, or is there of a level; and whether that was too little."""

    def lease(self, dimension: str, amount: float, now: float) -> None:
        """This worker may use `amount` of a dimension from now on."""


class Leases:
    """The leases of one worker of `count`; one that is alone has the whole limits, and needs none.

    `limits` gives the limits of all scopes that are there now, by names that are the same in all workers. Each begins
    with its even part. In each period the owner sends `report` to the supervisor; what comes back goes to `apply`.
    """

    def __init__(self, limits: Callable[[], Iterable[tuple[str, Leased]]], count: int, now: float) -> None:
        self._limits = limits
        self._count = count
        self._round = 0
        self._reported = now
        self._scopes: dict[str, Leased] = {}  # as they were at the last report
        self._leases: dict[str, dict[str, float]] = {}  # by scope and dimension; also of scopes that are not there now

    @property
    def has_any(self) -> bool:
        """Whether it holds anything but even parts; then it must go on to say what it uses."""
        return bool(self._leases)

    def report(self, now: float) -> Report:
        """What is to be said now; new limits are held to the leases of their scopes from here on.

        Nothing is said of limits without a lease, unless they are wanted, or more than the even part is there of a
        level since its total was higher before. It costs 0.3 us for each dimension of each scope.
        """
        elapsed, self._reported = now - self._reported, now
        known, self._scopes = self._scopes, dict(self._limits())
        demands = {}
        for scope, limits in self._scopes.items():
            leases = self._leases.get(scope, {})
            if leases and limits is not known.get(scope):
                for dimension, lease in leases.items():
                    limits.lease(dimension, lease, now)
            for dimension, total in limits.dimensions.items():
                used, is_wanting = limits.demand(dimension)
                is_level = dimension in LEVELS
                if is_wanting or dimension in leases or (is_level and used > total // self._count):
                    rate = used if is_level else used / elapsed
                    demands[f"{scope}/{dimension}"] = Demand(rate, is_wanting, total, is_level)
        return Report(self._round, demands)

    def apply(self, division: Division, now: float) -> None:
        """Use no more than these leases from now on."""
        self._round = division.round
        for key, lease in division.leases.items():
            scope, _, dimension = key.rpartition("/")
            self._keep(scope, dimension, lease)
            limits = self._scopes.get(scope)
            total = None if limits is None else limits.dimensions.get(dimension)
            if limits is not None and total is not None:
                even = even_part(total, dimension in LEVELS, self._count)
                limits.lease(dimension, even if lease is None else lease, now)

    def _keep(self, scope: str, dimension: str, lease: float | None) -> None:
        leases = self._leases.setdefault(scope, {})
        if lease is not None:
            leases[dimension] = lease
            return
        leases.pop(dimension, None)
        if not leases:
            del self._leases[scope]
