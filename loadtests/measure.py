"""One measurement: a load on a proxy, and what the proxy's processes used for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.cases import Case
from loadtests.cost import tree_cpu
from loadtests.nodes import GIB
from loadtests.rivals import Proxy
from loadtests.wrk import run_wrk


@dataclass(frozen=True)
class Measurement:
    """What one proxy did in one case, and for how much: `cpu` is seconds of all its processes, `moved` bytes of bodies.

    For GET `moved` counts every byte that arrived, so that an object cut by the end of the run counts by its part; for
    PUT whole objects only, since wrk does not tell what it had sent of the last ones.
    """

    proxy: str
    case: str
    requests: int
    moved: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    errors: dict[str, int]

    @property
    def cpu_per_request(self) -> float:
        return self.cpu / self.requests if self.requests else float("inf")

    @property
    def cpu_per_gib(self) -> float:
        return self.cpu * GIB / self.moved if self.moved else float("inf")

    def cost(self, case: Case) -> float:
        """Seconds of processor time per GiB for large objects, per request for small ones."""
        return self.cpu_per_gib if case.is_bulk else self.cpu_per_request


def measure(proxy: Proxy, case: Case, seconds: int, folder: Path, requests: str = "") -> Measurement:
    """Put the load of `case` on `proxy` for `seconds`; for `requests` see `run_wrk`. Raises LoadError."""
    before = tree_cpu(proxy.child.pid)
    upload_bytes = case.size if case.is_upload else 0
    load = run_wrk(proxy.url + case.path, case.connections, seconds, folder, upload_bytes, requests)
    cpu = tree_cpu(proxy.child.pid) - before
    moved = load.requests * case.size if case.is_upload else load.bytes
    return Measurement(
        proxy.name, case.key, load.requests, moved, load.seconds, cpu, load.p50, load.p99, errors=load.errors
    )


def median_of_pairs(costs: Sequence[float], references: Sequence[float]) -> float:
    """The median of cost over reference, round by round: what disturbs the machine disturbs both sides of a pair."""
    return median(cost / reference for cost, reference in zip(costs, references, strict=True))
