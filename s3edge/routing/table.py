"""Which clusters serve a request, and how a node is chosen there: what the policies say, as one look-up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any

from s3edge.config.policy import Balance, Match, Policy
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
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
    balance: Balance = Balance.PEAK_EWMA
    failover: Failover = Failover()
    hedge: Hedge = Hedge()
    resume: Resume = Resume()
    queue: Queue = Queue()
    policy: str | None = None


class Table:
    """The policies in the order of the configuration: the first that matches and has a section decides that section.

    Equal plans are one object, so that what is measured for a plan can be kept by it.
    """

    def __init__(self, policies: Sequence[Policy], cluster_names: Sequence[str]) -> None:
        """For a checked configuration; where no policy routes, the first cluster serves."""
        self._rows = [(policy, _buckets(policy.match)) for policy in policies]
        self._fallback = Plan((cluster_names[0],))
        self._decided: dict[Plan, Plan] = {}
        self._plans: dict[tuple[Operation, str | None], Plan] = {}

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
        matching = [policy for policy, buckets in self._rows if _fits(policy.match, buckets, operation, bucket)]
        if not matching:
            return self._fallback
        decided: dict[str, Any] = {"policy": matching[0].name}
        for policy in matching:
            for section in policy.sections:
                decided.setdefault("clusters" if section == "route" else section, getattr(policy, section))
        plan = replace(self._fallback, **decided)
        return self._decided.setdefault(plan, plan)


def _buckets(match: Match) -> re.Pattern[str] | None:
    return None if match.buckets is None else re.compile("|".join(map(translate, match.buckets)))


def _fits(match: Match, buckets: re.Pattern[str] | None, operation: Operation, bucket: str | None) -> bool:
    if match.operations is not None and operation not in match.operations:
        return False
    return buckets is None or (bucket is not None and buckets.match(bucket) is not None)
