"""One frame of the live view, as JSON: what all of s3edge does now, and what came since the frame before.

It is made of two snapshots, and knows neither loop nor viewers: those are in `live`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nlargest
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from s3edge import __version__
from s3edge.admin.events import utc
from s3edge.admin.nodes import describe
from s3edge.admin.tenants import Sources, guarded, limits_of, tenant_names
from s3edge.config.model import Config
from s3edge.health.status import NodeStatus
from s3edge.qos.activity import Source
from s3edge.qos.runaway import SourceState
from s3edge.telemetry.flows import rounded
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.rates import Recent, Sums, histograms, per_second, quantile, summed, total

# Tenants, and client addresses that are held, in one frame: more than that nobody sees at a glance.
MOST_SHOWN: Final = 100

_EXCHANGES: Final = "s3edge_tenant_exchanges_total"


class _Summed(NamedTuple):
    """Which samples make a number per second."""

    families: tuple[str, ...]
    label: str = ""
    values: tuple[str, ...] = ()

    def of(self, snapshot: Snapshot) -> Sums:
        return summed(snapshot, *self.families, label=self.label, values=self.values)


# Bytes of bodies that still move are told as a level, and counted at the end of their exchange.
_TENANT_RATES: Final = {
    "requests_per_second": _Summed((_EXCHANGES,)),
    "sent_per_second": _Summed(("s3edge_tenant_sent_bytes_total", "s3edge_tenant_sending_bytes")),
    "received_per_second": _Summed(("s3edge_tenant_received_bytes_total", "s3edge_tenant_receiving_bytes")),
    "waiting_per_second": _Summed(("s3edge_tenant_waiting_seconds_total",)),
    "stalled": _Summed(("s3edge_tenant_stalled_seconds_total",)),
    "shed_per_second": _Summed(("s3edge_shed_total",)),
    "failed_per_second": _Summed((_EXCHANGES,), "outcome", ("failed", "cut")),
}
_TENANT_LEVELS: Final = {"inflight": "s3edge_tenant_inflight", "waiting": "s3edge_tenant_waiting"}
_EDGE_RATES: Final = {
    "hedges_per_second": _Summed(("s3edge_hedges_total",), "event", ("sent",)),
    "retries_per_second": _Summed(("s3edge_retries_total",)),
    "resumes_per_second": _Summed(("s3edge_resumes_total",)),
}
_NODE_RATES: Final = {"requests_per_second": _Summed(("s3edge_attempts_total",))}
_RATES: Final = {"tenants": _TENANT_RATES, "edge": _EDGE_RATES, "nodes": _NODE_RATES}


class Shown(Protocol):
    """What a frame shows beside counts."""

    @property
    def config(self) -> Config:
        """The configuration in force."""

    @property
    def sources(self) -> Sources:
        """What the runaway guard knows."""

    def nodes(self) -> Iterable[NodeStatus]:
        """All nodes, in the order of the configuration."""

    def why_not_ready(self) -> str | None:
        """What keeps clients from being served; None: nothing."""


class FrameMaker:
    """Makes the frames of one live view, from the first snapshot on, which was taken at `now`.

    `now` is the clock by which the states of nodes and sources are kept, `wall` that of people, both in seconds.
    `changes` says whether the viewer may change something: `token`, or `off` if nobody may.
    """

    def __init__(self, shown: Shown, snapshot: Snapshot, now: float, changes: Callable[[], str]) -> None:
        self._shown = shown
        self._changes = changes
        self._at = now
        self._counted = _count(snapshot)
        self._first_byte, self._node_first_byte = Recent(), Recent()
        self._quantiles(snapshot, now)
        self._limits: dict[str, list[dict[str, Any]]] = {}
        self._limits_are_of: Config | None = None

    def frame(self, snapshot: Snapshot, now: float, wall: float) -> dict[str, Any]:
        """What is to be seen now, all but the flows. Numbers per second are since the last snapshot."""
        seconds, self._at = now - self._at, now
        before, self._counted = self._counted, _count(snapshot)
        rates = {
            kind: {name: per_second(before[kind][name], sums, seconds) for name, sums in counted.items()}
            for kind, counted in self._counted.items()
        }
        first_byte, node_first_byte = self._quantiles(snapshot, now)
        tenants = rates["tenants"]
        levels = {name: summed(snapshot, family) for name, family in _TENANT_LEVELS.items()}
        return {
            "time": utc(wall),
            "interval": round(seconds, 3),
            "edge": self._edge(snapshot),
            "totals": {
                **{name: rounded(sum(sums.values())) for name, sums in tenants.items() if name != "waiting_per_second"},
                "inflight": _level(snapshot, "s3edge_exchanges_inflight"),
                "waiting": int(sum(levels["waiting"].values())) + _level(snapshot, "s3edge_queued"),
                "connections": _level(snapshot, "s3edge_connections_open"),
                "first_byte": first_byte,
                **{name: rounded(sum(sums.values())) for name, sums in rates["edge"].items()},
            },
            "nodes": list(self._nodes(snapshot, now, rates["nodes"]["requests_per_second"], node_first_byte)),
            **self._tenants(tenants, levels, now),
            "sources": list(islice(self._held(), MOST_SHOWN)),
        }

    def _edge(self, snapshot: Snapshot) -> dict[str, Any]:
        lags = [value for _, value in snapshot.get("s3edge_loop_lag_seconds", ()) if not isinstance(value, list)]
        return {
            "version": __version__,
            "not_ready": self._shown.why_not_ready(),
            "workers": _level(snapshot, "s3edge_workers"),
            "workers_ready": _level(snapshot, "s3edge_workers_ready"),
            "loop_lag": rounded(max(lags, default=0.0)),
            "changes": self._changes(),
        }

    def _quantiles(self, snapshot: Snapshot, now: float) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """The times to the first byte of late: of all requests, and of attempts at each node."""
        recent = self._first_byte.take(histograms(snapshot, "s3edge_first_byte_seconds"), now)
        at_nodes = self._node_first_byte.take(histograms(snapshot, "s3edge_node_first_byte_seconds"), now)
        return _described(total(recent)), {name: _described(counts) for name, counts in at_nodes.items()}

    def _nodes(
        self, snapshot: Snapshot, now: float, rates: Sums, first_byte: Mapping[str, dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        limits = summed(snapshot, "s3edge_node_limit")
        for node in describe(self._shown.nodes(), snapshot, now):
            name = node["name"]
            yield {
                **node,
                "requests_per_second": rounded(rates.get(name, 0.0)),
                "first_byte": first_byte.get(name) or _described(()),
                "limit": int(limits.get(name, 0)) or None,
            }

    def _tenants(self, rates: Mapping[str, Sums], levels: Mapping[str, Sums], now: float) -> dict[str, Any]:
        names = dict.fromkeys((*tenant_names(self._shown.config), *rates["requests_per_second"], *levels["inflight"]))
        shares = [
            _shares(rates["requests_per_second"]),
            _shares(levels["inflight"]),
            _shares(_together(rates["sent_per_second"], rates["received_per_second"])),
        ]
        busiest = nlargest(MOST_SHOWN, names, key=lambda name: sum(share.get(name, 0.0) for share in shares))
        return {
            "tenants": [
                {
                    "name": name,
                    **{column: rounded(sums.get(name, 0.0)) for column, sums in rates.items()},
                    **{column: int(sums.get(name, 0)) for column, sums in levels.items()},
                    "limits": self._limits_of(name),
                    "guard": guarded(self._shown.sources.status(Source("tenant", name)), now),
                }
                for name in busiest
            ],
            "tenants_total": len(names),
        }

    def _limits_of(self, tenant: str) -> list[dict[str, Any]]:
        """A thousand tenants may have a thousand policies, which are searched once for each configuration."""
        config = self._shown.config
        if config is not self._limits_are_of:
            self._limits_are_of = config
            self._limits.clear()
        if tenant not in self._limits:
            self._limits[tenant] = list(limits_of(config, tenant))
        return self._limits[tenant]

    def _held(self) -> Iterator[dict[str, Any]]:
        """The client addresses that the guard or the operator holds."""
        for status in self._shown.sources.statuses():
            verdict = status.verdict
            if verdict.source.kind == "client" and verdict.state in (SourceState.THROTTLED, SourceState.PINNED):
                yield {**verdict.source._asdict(), "state": verdict.state, "rate": verdict.rate}


def _count(snapshot: Snapshot) -> dict[str, dict[str, Sums]]:
    return {kind: {name: each.of(snapshot) for name, each in wanted.items()} for kind, wanted in _RATES.items()}


def _level(snapshot: Snapshot, family: str) -> int:
    return int(sum(summed(snapshot, family).values()))


def _described(counts: Iterable[float]) -> dict[str, Any]:
    shown = list(counts)
    found = {name: quantile(share, shown) for name, share in (("p50", 0.5), ("p99", 0.99))}
    return {name: None if seconds is None else rounded(seconds) for name, seconds in found.items()}


def _shares(sums: Sums) -> Sums:
    """What each of them has of the whole."""
    whole = sum(sums.values())
    return {name: value / whole for name, value in sums.items()} if whole else {}


def _together(one: Sums, other: Sums) -> Sums:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in one | other}
