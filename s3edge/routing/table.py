"""Which clusters serve a request, and how a node is chosen there: what the policies say, as one look-up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

from s3edge.config.policy import Balance, Policy
from s3edge.s3.operation import Operation

# Requests for buckets that do not exist must not grow the memory. This many plans take about 1 MiB; beyond it, all are
# forgotten, and those in use come back at the price of one match each.
MOST_PLANS = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided for a request.

    `clusters` are the names of the clusters by preference, never empty. `policy` is the first policy that matched, for
    telemetry; a section that it does not have may come from a later one.
    """

    clusters: tuple[str, ...]
    balance: Balance
    policy: str | None


@dataclass(frozen=True, slots=True)
class _Row:
    """One policy, ready to be matched; None stands for "all"."""

    name: str
    operations: frozenset[Operation] | None
    buckets: re.Pattern[str] | None
    route: tuple[str, ...] | None
    balance: Balance | None

    def matches(self, operation: Operation, bucket: str | None) -> bool:
        if self.operations is not None and operation not in self.operations:
            return False
        return self.buckets is None or (bucket is not None and self.buckets.match(bucket) is not None)


class Table:
    """The policies in the order of the configuration: the first that matches and has a section decides that section."""

    def __init__(self, rows: Sequence[_Row], fallback: Plan) -> None:
        self._rows = tuple(rows)
        self._fallback = fallback
        self._plans: dict[tuple[Operation, str | None], Plan] = {}

    @classmethod
    def compile(cls, policies: Sequence[Policy], cluster_names: Sequence[str]) -> "Table":
        """The table of a checked configuration; where no policy routes, the first cluster serves."""
        return cls([_row(policy) for policy in policies], Plan((cluster_names[0],), Balance.LEAST_INFLIGHT, None))

    def plan(self, operation: Operation, bucket: str | None) -> Plan:
        """The plan for a request, asked once for each: 0.15 us if operation and bucket are known, else some us."""
        try:
            return self._plans[operation, bucket]
        except KeyError:
            return self._remember(operation, bucket)

    def _remember(self, operation: Operation, bucket: str | None) -> Plan:
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        plan = self._plans[operation, bucket] = self._decide(operation, bucket)
        return plan

    def _decide(self, operation: Operation, bucket: str | None) -> Plan:
        matching = [row for row in self._rows if row.matches(operation, bucket)]
        return Plan(
            next((row.route for row in matching if row.route is not None), self._fallback.clusters),
            next((row.balance for row in matching if row.balance is not None), self._fallback.balance),
            matching[0].name if matching else None,
        )


def _row(policy: Policy) -> _Row:
    match = policy.match
    return _Row(
        policy.name,
        None if match.operations is None else frozenset(match.operations),
        None if match.buckets is None else re.compile("|".join(map(translate, match.buckets))),
        policy.route,
        policy.balance,
    )
