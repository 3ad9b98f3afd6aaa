"""Does anything leak? 64 GiB in flows of 64 MiB beside 200 slow readers, one worker: `python -m loadtests.soak`.

A short run of the same load comes first, so that pools and caches have their size. Then memory is sampled every second
while the bytes stream, and descriptors and pipes are counted before and after, each time with all connections gone.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.cases import CASES
from loadtests.child import ChildError, end_on_sigterm
from loadtests.cost import Usage, sampled, tree_usage
from loadtests.crowd import CrowdError, crowd
from loadtests.findings import RESULTS, Finding, conclude
from loadtests.measure import measure
from loadtests.needs import has_programs, raise_descriptor_limit
from loadtests.nodes import GIB, KIB, MIB, object_path, scratch, storage_nodes
from loadtests.rivals import PROXIES, SUBJECT, Proxy
from loadtests.wrk import LoadError

CASE = CASES["get-64m"]
GROWTH_LIMIT_MIB = 5.0
NODE_COUNT = 4
READER_RATE = 100 * KIB
SLICE_SECONDS = 5
"""Length of one wrk run; between two, all its connections are new, which is part of the test."""

SETTLE_SECONDS = 40
"""How long idle connections to nodes may live on: s3edge keeps them 30 s by default."""


@dataclass(frozen=True)
class Streamed:
    """What went through: bytes to the fast readers, failures of fast and slow ones, and the proxy meanwhile."""

    bytes: int
    failures: int
    broken: int
    samples: Sequence[Usage]


def stream(proxy: Proxy, readers: int, gib: float, limit_seconds: float, folder: Path) -> Streamed:
    """Move `gib` through `proxy` beside `readers`, or as much as `limit_seconds` allow."""
    moved = failures = 0
    deadline = time.monotonic() + limit_seconds
    arguments = [str(proxy.port), object_path("64MiB"), str(readers), str(READER_RATE)]
    with crowd("loadtests.slow_readers", arguments) as slow, sampled(proxy.child.pid, seconds=1.0) as samples:
        while moved < gib * GIB and time.monotonic() < deadline:
            run = measure(proxy, CASE, SLICE_SECONDS, folder)
            moved += run.moved
            failures += sum(run.errors.values())
            print(f"{moved / GIB:6.1f} GiB, {samples[-1].pss / MIB:.1f} MiB of memory", flush=True)
        slowly = slow.leave()
    print(f"and {slowly['bytes'] / GIB:.2f} GiB to {readers} slow readers")
    return Streamed(moved, failures, slowly["broken"], samples)


def settled(proxy: Proxy) -> Usage:
    """The proxy once no connection is left: the sample with the fewest descriptors, since probes come and go."""
    time.sleep(SETTLE_SECONDS)
    return min(_every_second(proxy, 5), key=lambda usage: usage.descriptors)


def _every_second(proxy: Proxy, count: int) -> Iterator[Usage]:
    for _ in range(count):
        time.sleep(1)
        yield tree_usage(proxy.child.pid)


def growth(samples: Sequence[int]) -> int:
    """Median of the last quarter less median of the first; at least one sample."""
    quarter = max(1, len(samples) // 4)
    return int(median(samples[-quarter:]) - median(samples[:quarter]))


def soak(name: str, gib: float, readers: int, limit_seconds: float) -> list[Finding]:
    """Warm up, settle, stream, settle. Raises ChildError, LoadError, CrowdError."""
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, PROXIES[name](nodes, folder, None) as proxy:
        print("warming up")
        stream(proxy, readers, gib / 16, limit_seconds / 16, folder)
        before = settled(proxy)
        streamed = stream(proxy, readers, gib, limit_seconds, folder)
        after = settled(proxy)
    peak = max(usage.pss for usage in streamed.samples)
    print(f"peak {peak / MIB:.1f} MiB; descriptors {before.descriptors} before, {after.descriptors} after")
    missing = max(0.0, gib - streamed.bytes / GIB)
    return [
        Finding(f"GiB of {gib:g} not streamed in {limit_seconds:g} s", missing, 0, "GiB"),
        Finding("memory growth", growth([usage.pss for usage in streamed.samples]) / MIB, GROWTH_LIMIT_MIB, "MiB"),
        Finding("descriptors left over", after.descriptors - before.descriptors, 0),
        Finding("pipes left over", after.pipes - before.pipes, 0),
        Finding("requests that failed", streamed.failures, 0),
        Finding("slow readers that lost an answer", streamed.broken, 0),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="soak", description="Stream for long and look for leaks.")
    parser.add_argument("--gib", type=float, default=64)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--limit", type=float, default=900, help="seconds the stream may take at most (default 900)")
    parser.add_argument("--proxy", choices=PROXIES, default=SUBJECT)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    if not has_programs("nginx", "wrk"):
        return 2
    raise_descriptor_limit()
    end_on_sigterm()
    try:
        findings = soak(arguments.proxy, arguments.gib, arguments.readers, arguments.limit)
    except (ChildError, LoadError, CrowdError) as error:
        print(f"soak: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return conclude("soak", findings, arguments.results)


if __name__ == "__main__":
    sys.exit(main())
