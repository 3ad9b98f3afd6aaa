"""What do 10,000 idle clients cost? Memory, and 4 KiB GETs with and without them: `python -m loadtests.idle`."""

import argparse
import sys
from argparse import Namespace
from dataclasses import asdict

from loadtests.cases import CASES
from loadtests.cost import tree_usage
from loadtests.crowd import crowd
from loadtests.findings import Finding
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.needs import Missing, raise_descriptor_limit
from loadtests.nodes import MIB, object_path, scratch, storage_nodes
from loadtests.question import Report, run
from loadtests.rivals import PROXIES, SUBJECT

CASE = CASES["get-4k"]
COST_LIMIT = 1.3
MEMORY_LIMIT_MIB = 250.0
NODE_COUNT = 4

LEAST_SECONDS = 9
"""Of all turns together, for the cost: two turns of a second differ by more than the limit allows."""

COLUMNS = ("round", "memory beside idle clients MiB", "CPU µs/request without them", "beside them")

SPARE_DESCRIPTORS = 2000
"""What a proxy needs beside one descriptor per idle client: load, nodes, its own files."""


def compare(name: str, clients: int, rounds: int, seconds: int) -> Report:
    """Without, with, without, with ... Raises ChildError, LoadError, CrowdError."""
    alone: list[Measurement] = []
    beside: list[Measurement] = []
    memory: list[int] = []
    closed = 0
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, PROXIES[name](nodes, folder, None) as proxy:
        for _ in range(rounds):
            alone.append(measure(proxy, CASE, seconds, folder))
            with crowd("loadtests.idle_clients", [str(proxy.port), object_path("4KiB"), str(clients)]) as idle:
                memory.append(tree_usage(proxy.child.pid).pss)
                beside.append(measure(proxy, CASE, seconds, folder))
                closed += clients - idle.leave()["open"]
    ratio = median_of_pairs([run.cpu_per_request for run in beside], [run.cpu_per_request for run in alone])
    lines = [
        [f"{number}", f"{with_them / MIB:,.1f}", *(f"{run.cpu_per_request * 1e6:.1f}" for run in runs)]
        for number, (with_them, *runs) in enumerate(zip(memory, alone, beside, strict=True), start=1)
    ]
    findings = [
        Finding(f"memory with {clients:,} idle clients", max(memory) / MIB, MEMORY_LIMIT_MIB, "MiB"),
        Finding("4 KiB GETs beside them over without, CPU per request", ratio, COST_LIMIT, least_seconds=LEAST_SECONDS),
        Finding("idle clients that lost their connection", closed, 0),
        Finding("requests that failed", sum(sum(run.errors.values()) for run in alone + beside), 0),
    ]
    raw = {"alone": [asdict(run) for run in alone], "beside": [asdict(run) for run in beside]}
    return Report(COLUMNS, lines, findings, raw=raw)


def answer(told: Namespace) -> Report:
    needed, allowed = told.clients + SPARE_DESCRIPTORS, raise_descriptor_limit()
    if allowed < needed:
        raise Missing(f"{told.clients} clients need {needed} descriptors, `ulimit -Hn` allows {allowed}: raise it")
    return compare(told.proxy, told.clients, told.rounds, told.seconds).measured_for(told.rounds * told.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="idle", description="The cost of idle clients")
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="length of each turn (default %(default)d)")
    parser.add_argument("--proxy", choices=PROXIES, default=SUBJECT)
    return run(parser, answer, ["nginx", "wrk"])


if __name__ == "__main__":
    sys.exit(main())
