"""What do 10,000 idle clients cost? Memory, and 4 KiB GETs with and without them: `python -m loadtests.idle`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtests.cases import CASES
from loadtests.child import ChildError, end_on_sigterm
from loadtests.cost import tree_usage
from loadtests.crowd import CrowdError, crowd
from loadtests.findings import RESULTS, Finding, conclude
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.needs import has_programs, raise_descriptor_limit
from loadtests.nodes import MIB, object_path, scratch, storage_nodes
from loadtests.rivals import PROXIES, SUBJECT
from loadtests.wrk import LoadError

CASE = CASES["get-4k"]
COST_LIMIT = 1.3
MEMORY_LIMIT_MIB = 250.0
NODE_COUNT = 4

SPARE_DESCRIPTORS = 2000
"""What a proxy needs beside one descriptor per idle client: load, nodes, its own files."""


def compare(name: str, clients: int, rounds: int, seconds: int) -> list[Finding]:
    """Without, with, without, with ... Raises ChildError, LoadError, CrowdError."""
    alone: list[Measurement] = []
    beside: list[Measurement] = []
    memory: list[float] = []
    closed = 0
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, PROXIES[name](nodes, folder, None) as proxy:
        for _ in range(rounds):
            alone.append(measure(proxy, CASE, seconds, folder))
            with crowd("loadtests.idle_clients", [str(proxy.port), object_path("4KiB"), str(clients)]) as idle:
                memory.append(tree_usage(proxy.child.pid).pss / MIB)
                beside.append(measure(proxy, CASE, seconds, folder))
                closed += clients - idle.leave()["open"]
            print(
                f"alone {alone[-1].cpu_per_request * 1e6:.1f} µs, beside {beside[-1].cpu_per_request * 1e6:.1f} µs each"
            )
    ratio = median_of_pairs([run.cpu_per_request for run in beside], [run.cpu_per_request for run in alone])
    return [
        Finding(f"memory with {clients:,} idle clients", max(memory), MEMORY_LIMIT_MIB, "MiB"),
        Finding("4 KiB GETs beside them over without, CPU per request", ratio, COST_LIMIT),
        Finding("idle clients that lost their connection", closed, 0),
        Finding("requests that failed", sum(sum(run.errors.values()) for run in alone + beside), 0),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="idle", description="Measure what idle client connections cost.")
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--proxy", choices=PROXIES, default=SUBJECT)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    if not has_programs("nginx", "wrk"):
        return 2
    allowed = raise_descriptor_limit()
    if allowed < arguments.clients + SPARE_DESCRIPTORS:
        needed = arguments.clients + SPARE_DESCRIPTORS
        print(f"idle: {arguments.clients} clients need {needed} descriptors, `ulimit -Hn` allows {allowed}: raise it")
        return 2
    end_on_sigterm()
    try:
        findings = compare(arguments.proxy, arguments.clients, arguments.rounds, arguments.seconds)
    except (ChildError, LoadError, CrowdError) as error:
        print(f"idle: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return conclude("idle", findings, arguments.results)


if __name__ == "__main__":
    sys.exit(main())
