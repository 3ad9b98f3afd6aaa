"""Tenants and client addresses as `/api/v1/tenants` and `/api/v1/clients` show them: what they do, and who is held."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

from s3edge.config.model import Config
from s3edge.config.qos import DEFAULT_TENANT
from s3edge.qos.activity import Source
from s3edge.qos.jump import Rates
from s3edge.qos.runaway import SourceState, SourceStatus
from s3edge.telemetry.meter import Snapshot

# Client addresses in one answer, and held sources in one scrape: a flood has far more than anyone reads.
MOST_SHOWN: Final = 1000


class Sources(Protocol):
    """What the runaway guard knows of tenants and client addresses, and what the operator may tell it."""

    def statuses(self) -> Iterable[SourceStatus]:
        """What is known of all sources, those last that were active last."""

    def status(self, source: Source) -> SourceStatus | None:
        """What is known of a source; None if nothing is."""

    def pin(self, source: Source, rate: float | None, seconds: float | None) -> None:
        """Hold a source to `rate` requests per second, or to nothing (None), for some seconds or until `release`."""

    def release(self, source: Source) -> None:
        """Let a source go, whoever holds it, and get to know it anew."""


def tenant_names(config: Config) -> list[str]:
    """The tenants of a configuration, in its order, and the default one."""
    return [*(tenant.name for tenant in config.tenants), DEFAULT_TENANT]


def describe_tenants(config: Config, snapshot: Snapshot, sources: Sources, now: float) -> list[dict[str, Any]]:
    """One JSON object per tenant that is configured or was seen; `now` is the guard's clock."""
    exchanges = _per_tenant(snapshot, "s3edge_tenant_exchanges_total")
    received = _per_tenant(snapshot, "s3edge_tenant_received_bytes_total")
    sent = _per_tenant(snapshot, "s3edge_tenant_sent_bytes_total")
    inflight = _per_tenant(snapshot, "s3edge_tenant_inflight")
    waiting = _per_tenant(snapshot, "s3edge_tenant_waiting")
    shed: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for labels, value in snapshot.get("s3edge_shed_total", []):
        if not isinstance(value, list):
            shed[labels[0]][labels[1]] = int(value)
    return [
        {
            "name": name,
            "requests": exchanges[name],
            "received": received[name],
            "sent": sent[name],
            "inflight": inflight[name],
            "waiting": waiting[name],
            "shed": shed[name],
            "limits": list(limits_of(config, name)),
            "guard": guarded(sources.status(Source("tenant", name)), now),
        }
        for name in dict.fromkeys([*tenant_names(config), *exchanges])
    ]


def describe_clients(sources: Sources, now: float) -> dict[str, Any]:
    """How many client addresses the guard knows, and one JSON object for each of at most `MOST_SHOWN` of them.

    Those that it does something about come first, then those that were active last.
    """
    known = [status for status in sources.statuses() if status.verdict.source.kind == "client"]
    known.reverse()
    known.sort(key=lambda status: status.verdict.state is SourceState.NORMAL)
    shown = [
        {"address": status.verdict.source.name, "guard": guarded(status, now)} for status in islice(known, MOST_SHOWN)
    ]
    return {"known": len(known), "clients": shown}


def limits_of(config: Config, tenant: str) -> Iterator[dict[str, Any]]:
    """The limits that policies may put on requests of a tenant; which of them does is up to each request."""
    for policy in config.policies:
        if policy.limits is not None and tenant in (policy.match.tenants or (tenant,)):
            yield {"policy": policy.name, "limits": policy.limits.model_dump(exclude_none=True, exclude_defaults=True)}


def guarded(status: SourceStatus | None, now: float) -> dict[str, Any] | None:
    """What the guard knows of a source, as JSON; `now` is its clock. None if it knows nothing."""
    if status is None:
        return None
    verdict = status.verdict
    return {
        "state": verdict.state,
        "state_seconds": round(now - status.since, 1),
        "step": verdict.step,
        "requests_per_second": verdict.rate,
        "sent_per_second": verdict.bandwidth,
        "reason": verdict.reason,
        "present": _rounded(status.present),
        "usual": _rounded(status.usual),
        "is_new": status.is_new,
    }


def _rounded(rates: Rates) -> dict[str, float]:
    return {name: round(rate, 1) for name, rate in rates._asdict().items()}


def _per_tenant(snapshot: Snapshot, family: str) -> Counter[str]:
    """The sum of a family's samples for each tenant, which is the first label of all that are asked for."""
    sums: Counter[str] = Counter()
    for labels, value in snapshot.get(family, []):
        if not isinstance(value, list):
            sums[labels[0]] += int(value)
    return sums
