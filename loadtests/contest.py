"""Tenants that compete for the same nodes: one run, whoever stands between them, and what each tenant got."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from loadtests import clients, records
from loadtests.clients import Clients, Got
from loadtests.cost import tree_cpu
from loadtests.crowd import crowd
from loadtests.finite_nodes import Capacity, Counts, finite_nodes
from loadtests.load import Load
from loadtests.nodes import scratch
from loadtests.qos_rivals import Entrance, StartEntrance
from loadtests.records import Readings


class CountingNode(Protocol):
    """A node that tells what it saw."""

    def counts(self) -> Counts: ...


@dataclass(frozen=True)
class Contest:
    """What all do for `seconds`: `greedy` clients, and readers who check every byte, in processes of their own."""

    seconds: float
    greedy: Sequence[Clients]
    readers: Load | None = None
    capacity: Capacity = field(default_factory=Capacity)
    node_count: int = 4


@dataclass(frozen=True)
class Outcome:
    """What came of a run: what greedy tenants got, what readers read, what nodes saw, seconds of the proxy's CPU."""

    got: Mapping[str, Got]
    readings: Readings
    nodes: Sequence[Counts]
    cpu: float

    @property
    def most_in_flight(self) -> int:
        """The most requests that any node ever had, in its slots and waiting for one."""
        return max(node.most_in_flight for node in self.nodes)


def run_contest(contest: Contest, start: StartEntrance) -> Outcome:
    """Run it once, with nodes of its own. Raises ChildError, CrowdError, OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(finite_nodes(contest.node_count, folder, contest.capacity))
        entrance = stack.enter_context(start(nodes, folder))
        return run_before(entrance, contest, nodes, folder)


def run_before(
    entrance: Entrance,
    contest: Contest,
    nodes: Sequence[CountingNode],
    folder: Path,
    meanwhile: Callable[[], object] | None = None,
) -> Outcome:
    """Run it once at `entrance`; `meanwhile` is called when all clients are there, and lasts less than the run."""
    pulled, read = folder / "pulled.json", [folder / f"read-{port}.jsonl" for port in entrance.ports]
    cpu = tree_cpu(entrance.pid) if entrance.pid else 0.0
    with ExitStack() as stack:
        crowds = []
        for port, load, file in zip(entrance.ports, _shared_out(contest.readers, len(read)), read, strict=False):
            crowds.append(stack.enter_context(crowd("loadtests.readers", [str(port), load.to_json(), str(file)])))
        if contest.greedy:
            ports = ",".join(str(port) for port in entrance.ports)
            arguments = [ports, clients.to_json(contest.greedy, contest.seconds), str(pulled)]
            crowds.append(stack.enter_context(crowd("loadtests.pullers", arguments)))
        over = time.monotonic() + contest.seconds
        if meanwhile is not None:
            meanwhile()
        time.sleep(max(0.0, over - time.monotonic()))
        cpu = tree_cpu(entrance.pid) - cpu if entrance.pid else 0.0
        for each in crowds:
            each.leave()
    return Outcome(
        got=clients.load(pulled) if contest.greedy else {},
        readings=joined([records.load(file) for file in read if file.exists()]),
        nodes=[node.counts() for node in nodes],
        cpu=cpu,
    )


def joined(readings: Sequence[Readings]) -> Readings:
    """What several processes of readers read, as if it were one."""
    length = max((len(one.received) for one in readings), default=0)
    received = [sum(one.received[at] for one in readings if at < len(one.received)) for at in range(length)]
    return Readings([record for one in readings for record in one.records], received)


def workers_of(entrance: Entrance) -> list[int]:
    """The process ids of an s3edge's workers."""
    children = Path(f"/proc/{entrance.pid}/task/{entrance.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"s3edge.server.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _shared_out(load: Load | None, count: int) -> list[Load]:
    """The load in `count` groups of about the same size, of which none is empty: readers, or an open loop's rate."""
    if load is None:
        return []
    if load.rate:
        return [replace(load, rate=load.rate / count, seed=load.seed + number) for number in range(count)]
    sizes = [len(range(number, load.readers, count)) for number in range(count)]
    return [replace(load, readers=size, seed=load.seed + number) for number, size in enumerate(sizes) if size]
