"""What is decided for a request, as one look-up: which clusters serve it, how, and what it may take.

`Table.plan` is for requests, `Table.explain` for operators; both ask the same rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any, Final, final

from s3edge.config.policy import SECTIONS, Balance, Policy
from s3edge.config.qos import Guard, GuardMode, Priority, ScopedLimits
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
from s3edge.s3.encoding import as_text
from s3edge.s3.operation import TRAITS, Operation

# Requests for buckets that do not exist must not grow the memory. This many plans take about 3 MiB, and hold those of
# 1,000 tenants with four operations on four buckets each; beyond it, all are forgotten, and those in use come back at
# the price of one match each.
MOST_PLANS = 16384
# Characters. No bucket has a longer name; clients may send one that fills a whole head, and such a plan is not kept.
LONGEST_BUCKET = 255

# The prefix that every key has, for policies that ask for none.
_ANY_KEY: Final = (b"",)


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided for a request.

    `clusters` are the names of the clusters by preference, never empty. `policy` is the first policy that matched, for
    telemetry; a section that it does not have may come from a later one. `limits_of` is the policy that decided
    `limits`, empty if none did: two policies with equal limits are two limits. `guard_of` is the one that decided
    `guard`, empty if nobody is watched.
    """

    clusters: tuple[str, ...]
    priority: Priority = Priority.NORMAL
    weight: float = 1.0
    limits: ScopedLimits | None = None
    limits_of: str = ""
    guard: Guard | None = None
    guard_of: str = ""
    balance: Balance = Balance.PEAK_EWMA
    failover: Failover = Failover()
    hedge: Hedge = Hedge()
    resume: Resume = Resume()
    queue: Queue = Queue()
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """A key of `match` that a request does not fit: what was `found` in the request (may be empty), and `wanted`."""

    key: str
    found: str
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a policy matches a request: it does if there are no `misfits`."""

    policy: str
    misfits: tuple[Misfit, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The value of one section of a plan, and the policy that decides it; None where it is the default."""

    section: str
    value: object
    policy: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request has its plan: each section in the order of the documentation, each policy in that of the file."""

    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]


class Table:
    """The policies in the order of the configuration: the first that matches and has a section decides that section.

    Equal plans are one object, so that what is measured for a plan can be kept by it.
    """

    def __init__(self, policies: Sequence[Policy], cluster_names: Sequence[str]) -> None:
        """For a checked configuration; where no policy routes, the first cluster serves."""
        self._rows = tuple(map(_Row, policies))
        self._rows_of: dict[str, tuple[_Row, ...]] = {}
        self._fallback = Plan((cluster_names[0],))
        self._decided: dict[Plan, Plan] = {}
        self._by_rows: dict[tuple[_Row, ...], Plan | _PlansByKey] = {}
        self._plans: dict[tuple[str, Operation, str], Plan | _PlansByKey] = {}

    def plan(self, tenant: str, operation: Operation, bucket: str, raw_key: bytes) -> Plan:
        """The plan for a request, asked once for each.

        It takes 0.1 us if tenant, operation and bucket are known, 0.5 us where two policies ask for prefixes, else some
        us. `tenant` is a name of the configuration; `bucket` and `raw_key` are those of an `S3Request`, empty if it has
        none.
        """
        try:
            found = self._plans[tenant, operation, bucket]
        except KeyError:
            found = self._remember(tenant, operation, bucket)
        return found if type(found) is Plan else found.plan(raw_key)

    def explain(self, tenant: str, operation: Operation, bucket: str, raw_key: bytes) -> Explanation:
        """Why `plan` decides as it does."""
        verdicts = []
        matching = []
        for row in self._rows:
            misfits = (*row.misfits(tenant, operation, bucket), *row.misfits_of_key(raw_key))
            verdicts.append(Verdict(row.policy.name, misfits))
            if not misfits:
                matching.append(row.policy)
        plan = self._decide(matching)
        deciders = _deciders(matching)
        return Explanation(tuple(_decision(section, plan, deciders) for section in SECTIONS), tuple(verdicts))

    def _remember(self, tenant: str, operation: Operation, bucket: str) -> "Plan | _PlansByKey":
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
            self._by_rows.clear()
        rows = tuple([row for row in self._rows_for(tenant) if row.may_match(tenant, operation, bucket)])
        found = self._by_rows.get(rows)
        if found is None:
            found = self._by_rows[rows] = self._decide_by_rows(rows)
        if len(bucket) <= LONGEST_BUCKET:
            self._plans[tenant, operation, bucket] = found
        return found

    def _decide_by_rows(self, rows: "tuple[_Row, ...]") -> "Plan | _PlansByKey":
        if any(row.prefixes is not _ANY_KEY for row in rows):
            return _PlansByKey(rows, self._decide)
        return self._decide([row.policy for row in rows])

    def _rows_for(self, tenant: str) -> "tuple[_Row, ...]":
        """The rows that a tenant may match: few, where each of a thousand tenants has a policy."""
        rows = self._rows_of.get(tenant)
        if rows is None:
            rows = tuple(row for row in self._rows if tenant in (row.policy.match.tenants or (tenant,)))
            self._rows_of[tenant] = rows
        return rows

    def _decide(self, matching: Sequence[Policy]) -> Plan:
        if not matching:
            return self._fallback
        decided: dict[str, Any] = {"policy": matching[0].name}
        for section, policy in _deciders(matching).items():
            decided[_field(section)] = getattr(policy, section)
            if section == "limits":
                decided["limits_of"] = policy.name
            elif policy.guard is not None and section == "guard" and policy.guard.mode is not GuardMode.OFF:
                decided["guard_of"] = policy.name
        plan = replace(self._fallback, **decided)
        return self._decided.setdefault(plan, plan)


class _Row:
    """A policy, with its patterns in the form in which they are compared."""

    __slots__ = ("_buckets", "policy", "prefixes")

    def __init__(self, policy: Policy) -> None:
        match = policy.match
        self.policy = policy
        self.prefixes = _ANY_KEY if match.prefixes is None else tuple(prefix.encode() for prefix in match.prefixes)
        self._buckets = None if match.buckets is None else re.compile("|".join(map(translate, match.buckets)))

    def may_match(self, tenant: str, operation: Operation, bucket: str) -> bool:
        """Whether the policy matches such requests, all of them or those with the right keys."""
        return next(self.misfits(tenant, operation, bucket), None) is None

    def misfits(self, tenant: str, operation: Operation, bucket: str) -> Iterator[Misfit]:
        """What does not fit, whatever the key."""
        match = self.policy.match
        if match.tenants is not None and tenant not in match.tenants:
            yield Misfit("tenants", tenant, match.tenants)
        if match.operations is not None and operation not in match.operations:
            yield Misfit("operations", operation, match.operations)
        if match.classes is not None and (kind := TRAITS[operation].kind) not in match.classes:
            yield Misfit("classes", kind, match.classes)
        if self._buckets is not None and not (bucket and self._buckets.match(bucket)):
            yield Misfit("buckets", bucket, match.buckets or ())

    def misfits_of_key(self, raw_key: bytes) -> Iterator[Misfit]:
        if not raw_key.startswith(self.prefixes):
            yield Misfit("prefixes", as_text(raw_key), self.policy.match.prefixes or ())


class _PlansByKey:
    """The plans of requests that differ in their keys only, where policies ask how a key begins.

    Which prefixes a key has follows from the longest of them, so there is at most one plan more than prefixes.
    """

    __slots__ = ("_decide", "_plans", "_prefixes", "_rows")

    def __init__(self, rows: tuple[_Row, ...], decide: Callable[[Sequence[Policy]], Plan]) -> None:
        self._rows = rows
        self._decide = decide
        self._prefixes = [row.prefixes for row in rows if row.prefixes is not _ANY_KEY]
        self._plans: dict[tuple[bool, ...], Plan] = {}

    def plan(self, raw_key: bytes) -> Plan:
        has = tuple(map(raw_key.startswith, self._prefixes))
        plan = self._plans.get(has)
        if plan is None:
            plan = self._decide([row.policy for row in self._rows if raw_key.startswith(row.prefixes)])
            self._plans[has] = plan
        return plan


def _deciders(matching: Iterable[Policy]) -> dict[str, Policy]:
    """Who decides each section: the first that has it."""
    deciders: dict[str, Policy] = {}
    for policy in matching:
        for section in policy.sections:
            deciders.setdefault(section, policy)
    return deciders


def _decision(section: str, plan: Plan, deciders: dict[str, Policy]) -> Decision:
    policy = deciders.get(section)
    return Decision(section, getattr(plan, _field(section)), None if policy is None else policy.name)


def _field(section: str) -> str:
    """The field of a plan that holds a section."""
    return "clusters" if section == "route" else section
