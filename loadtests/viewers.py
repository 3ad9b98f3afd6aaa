"""What do three open pages cost, and what does a page get of 10,000 flows? `python -m loadtests.viewers`.

The first answer is the processor time of all processes of s3edge with and without three viewers of its live view: idle,
and beside 4 KiB GETs; each with no tenants and with 1,000 that have a policy each. The second is measured by a viewer.
"""

import argparse
import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.cases import CASES
from loadtests.child import running
from loadtests.cost import tree_cpu
from loadtests.crowd import crowd
from loadtests.findings import Finding
from loadtests.many_tenants import EDGES, TENANTS
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.misbehaving import misbehaving_nodes
from loadtests.nodes import KIB, scratch, storage_nodes
from loadtests.ports import answers, free_ports
from loadtests.qos_cost import WITHOUT, lua
from loadtests.qos_rivals import Edge, write_edge
from loadtests.question import Report, run
from loadtests.rivals import SUBJECT, Node, Proxy
from tests.support.faults import Trickles, to_json

CASE = CASES["get-4k"]
VIEWERS = 3
COST_LIMIT = 2.0
"""Percent of one core while idle, and of what the requests cost under load."""

FRAME_LIMIT_KIB = 200.0
FIRST_LIMIT_MS = 1000.0
NODE_COUNT = 4

LEAST_SECONDS = 25
"""Of all turns together, for the costs: even then two runs differ by 4%, twice the limit."""

DRIP = Trickles(256, 20.0)
"""What keeps a flow under way: 256 bytes of its object each 20 s; a body may stand still for a minute."""

HELD_PATH = "/bench/100KiB-{n}"
"""Below the size from which bodies are spliced, where each takes six descriptors and not two."""

HELD = Edge(policies=({"policy": "patient", "resume": False, "hedge": False},), workers=2)


@dataclass(frozen=True)
class Watched:
    """A running s3edge and the port of its admin server."""

    proxy: Proxy
    admin: int


@contextmanager
def watched(nodes: Sequence[Node], folder: Path, edge: Edge, name: str) -> Iterator[Watched]:
    """s3edge told by files, which are in the folder NAME of `folder`. Raises ChildError."""
    port, admin = free_ports(2)
    config = write_edge(edge, nodes, (port, admin), folder / name)
    argv = [sys.executable, "-m", "s3edge", "serve", "--config", str(config)]
    with running(name, argv, folder, lambda: answers(admin, "/-/ready")) as child:
        yield Watched(Proxy(SUBJECT, port, is_tls=False, child=child), admin)


def viewers(edge: Watched, count: int) -> list[str]:
    """What `live_viewers` is told."""
    return [str(edge.admin), str(count)]


def idle_share(edge: Watched, seconds: int) -> float:
    """The percent of one core that the processes of s3edge take while nothing is asked of them."""
    before, began = tree_cpu(edge.proxy.child.pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (tree_cpu(edge.proxy.child.pid) - before) / (time.monotonic() - began)


def cost(name: str, edge_config: Edge, requests: str, rounds: int, seconds: int) -> list[Finding]:
    """Without, with, without, with ... Raises ChildError, LoadError, CrowdError."""
    alone: list[Measurement] = []
    beside: list[Measurement] = []
    idle: list[float] = []
    rates: list[float] = []
    with (
        scratch() as folder,
        storage_nodes(NODE_COUNT, folder) as nodes,
        watched(nodes, folder, edge_config, SUBJECT) as edge,
    ):
        measure(edge.proxy, CASE, seconds, folder, requests)  # all tenants are known
        for _ in range(rounds):
            alone.append(measure(edge.proxy, CASE, seconds, folder, requests))
            idle.append(-idle_share(edge, seconds))
            with crowd("loadtests.live_viewers", viewers(edge, VIEWERS)) as pages:
                idle[-1] += idle_share(edge, seconds)
                beside.append(measure(edge.proxy, CASE, seconds, folder, requests))
                rates.append(pages.leave()["bytes_per_second"] / KIB)
            print(f"{name}: idle {idle[-1]:+.2f} % of a core, frames of {rates[-1]:.0f} KiB/s")
    ratio = median_of_pairs([run.cpu_per_request for run in beside], [run.cpu_per_request for run in alone])
    return [
        Finding(f"{name}: {VIEWERS} viewers of an idle s3edge", median(idle), COST_LIMIT, "% of a core", LEAST_SECONDS),
        Finding(
            f"{name}: {VIEWERS} viewers, CPU per 4 KiB GET", (ratio - 1) * 100, COST_LIMIT, "% more", LEAST_SECONDS
        ),
        Finding(f"{name}: bytes to one viewer", max(rates), FRAME_LIMIT_KIB, "KiB/s"),
    ]


def flows(count: int, seconds: int) -> list[Finding]:
    """What a page gets of so many flows at once. Raises ChildError, CrowdError."""
    fault = json.dumps(to_json(DRIP))
    with (
        scratch() as folder,
        misbehaving_nodes(NODE_COUNT, folder, "--fault", fault) as nodes,
        watched(nodes, folder, HELD, SUBJECT) as edge,
        crowd("loadtests.held_flows", [str(edge.proxy.port), HELD_PATH, str(count)]) as held,
    ):
        before = idle_share(edge, seconds)
        with crowd("loadtests.live_viewers", viewers(edge, VIEWERS)) as pages:
            share = idle_share(edge, seconds) - before
            seen = pages.leave()
        print(f"{count} flows: {share:+.2f} % of a core for {VIEWERS} viewers, {before:.2f} % before")
        ended = held.leave()["ended"]
    return [
        Finding(f"{count:,} flows: bytes to one viewer", seen["bytes_per_second"] / KIB, FRAME_LIMIT_KIB, "KiB/s"),
        Finding(f"{count:,} flows: time to the first frame", seen["first_ms"], FIRST_LIMIT_MS, "ms"),
        Finding(f"{count:,} flows: seconds without a frame", seconds - seen["fewest_frames"], 1, ""),
        Finding(f"{count:,} flows: those that are not shown", count - ended - seen["flows"], 0),
    ]


def answer(told: Namespace) -> Report:
    many = EDGES["1,000 tenants with limits"]
    findings = [
        *cost("no tenants", WITHOUT, "", told.rounds, told.seconds),
        *cost("1,000 tenants", many, lua(*TENANTS), told.rounds, told.seconds),
        *flows(told.flows, told.seconds),
    ]
    return Report((), (), findings).measured_for(told.rounds * told.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="viewers", description="The cost of viewers of the live view")
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of each turn (default %(default)d)")
    return run(parser, answer, ["nginx", "wrk"])


if __name__ == "__main__":
    sys.exit(main())
