"""What is lost when one of several s3edges dies, drains or hangs? `python -m loadtests.edges`.

Three s3edges on 127.0.0.1, .2 and .3 stand before the same nodes. S3 clients as installed (`edge_clients`) read 8 MiB
objects, by a name that has all three addresses, or by one address that HAProxy spreads over them by TCP, as any
balancer of connections would. After a quarter of a run one edge is killed (SIGKILL), told to drain (SIGTERM) or stopped
in its tracks (SIGSTOP), with all its processes; after three quarters it is back.

HAProxy asks `/-/ready` of each edge. As installed, connections to an edge that failed its checks are left alone;
`cutting` closes them (`on-marked-down shutdown-sessions`), so that clients of an edge that hangs need not wait for
their own time-out, and those of one that drains are cut as well.
"""

import http.client
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from loadtests.child import Child, running
from loadtests.crowd import crowd
from loadtests.edge_clients import ASK_AGAIN, OK, READERS, SIZE, WRONG, Seen, Sightings, Visit
from loadtests.faults import Action, Mark, play
from loadtests.findings import Finding
from loadtests.misbehaving import HEALTH_PATH, misbehaving_nodes
from loadtests.nodes import KIB, scratch
from loadtests.ports import answers, free_ports
from loadtests.question import Panel, Report, command
from loadtests.records import percentile
from loadtests.rivals import Node
from tests.support.faults import Trickles

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
NODES = 2
VICTIM = 1
"""The edge that something happens to: the second, so that nothing depends on being first."""

START_SECONDS = 30.0
"""How long an edge may take to be ready: three start one after the other, the last beside two that work."""

PACE = Trickles(256 * KIB, 0.05)
USUAL_SECONDS = SIZE / PACE.size * PACE.seconds
"""What a read takes: nodes send each answer at 5 MiB/s, so that as much is under way on any machine."""

PATIENCE = 0.25
"""Share of a run that clients wait for bytes: 4 s of 16. botocore waits 60 s, and so long a hanging edge is felt."""

CHECK_SECONDS = 0.5
CHECK_FALL = 2
"""How often HAProxy asks whether an edge is ready, and how many bad answers make it down."""

CUT_SECONDS = 2 * CHECK_SECONDS * (CHECK_FALL + 1)
"""In which HAProxy cuts connections to an edge that hangs: a check begins up to one interval late, and each that is not
answered takes another; doubled, since all processes here share two cores."""

_HAPROXY = """\
global
    maxconn 4096
defaults
    mode tcp
    timeout connect 1s
    timeout client 120s
    timeout server 120s
    retries 3
    option redispatch 1
frontend address
    bind 127.0.0.1:{port}
    default_backend edges
backend edges
    balance leastconn
    option httpchk GET /-/ready
    default-server check inter {inter}ms fall {fall} rise 1{on_down}
{servers}
"""
_CUTTING = " on-marked-down shutdown-sessions"

BUCKET_SECONDS = 0.5
COLUMNS = ("run", "client", "reads", "failed", "GETs sent again", "median s", "longest s", "failures")
"""Sent again are GETs beyond one for each read, whoever of SDK and program sent them."""


class Edge:
    """One s3edge, which can be killed and started again, told to drain, and be stopped for a while."""

    def __init__(
        self, address: str, port: int, nodes: Sequence[Node], folder: Path, prefix: Sequence[str] = ()
    ) -> None:
        """Start it before `nodes` and wait until it is ready; `prefix` is a program that runs it. Raises ChildError."""
        self.address = address
        self.port = port
        (self.admin,) = free_ports(1)
        self._folder = folder
        self._argv = [*prefix, sys.executable, "-m", "s3edge", "serve", "--workers", "1"]
        self._argv += ["--health-path", HEALTH_PATH]
        self._argv += ["--listen", f"{address}:{port}", "--admin", f"127.0.0.1:{self.admin}"]
        for node in nodes:
            self._argv += ["--node", node.url]
        self._life = ExitStack()
        self.child = self._start()

    def kill(self) -> None:
        """SIGKILL to all its processes. They are stopped first, so that none sees another one go."""
        family = self.freeze()
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self.child.process.wait()

    def drain(self) -> None:
        """SIGTERM: requests under way have their time."""
        self.child.process.terminate()

    def freeze(self) -> Sequence[int]:
        """SIGSTOP to all its processes, whose ids are returned: the kernel takes connections, nobody answers."""
        family = family_of(self.child.pid)
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        return family

    def thaw(self) -> None:
        """Let a frozen edge go on."""
        if self.child.process.poll() is None:
            for pid in family_of(self.child.pid):
                os.kill(pid, signal.SIGCONT)

    def restart(self) -> None:
        """Start anew on the same ports; returns when it is ready. Raises ChildError."""
        self.end()
        self.child = self._start()

    def end(self) -> None:
        """End all its processes, frozen or not."""
        self.thaw()
        self._life.close()

    def flows(self) -> int:
        """The requests under way. Raises OSError if the edge does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", "/api/v1/flows?limit=1")
            total: int = json.load(connection.getresponse())["total"]
            return total
        finally:
            connection.close()

    def _start(self) -> Child:
        name = f"s3edge-{self.address}"
        return self._life.enter_context(
            running(name, self._argv, self._folder, lambda: answers(self.admin, "/-/ready"), START_SECONDS)
        )


def family_of(pid: int) -> list[int]:
    """A supervisor and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *(int(child) for child in children.split())]


@contextmanager
def running_edges(nodes: Sequence[Node], folder: Path) -> Iterator[Sequence[Edge]]:
    """An s3edge at each of ADDRESSES, all on the same port, before `nodes`. Raises ChildError."""
    (port,) = free_ports(1)
    with ExitStack() as stack:
        edges = []
        for address in ADDRESSES:
            edges.append(Edge(address, port, nodes, folder))
            stack.callback(edges[-1].end)
        yield edges


@contextmanager
def by_name(edges: Sequence[Edge], folder: Path) -> Iterator[tuple[Sequence[str], int]]:
    """The addresses of all edges, and their port: whoever dials the name chooses."""
    yield [edge.address for edge in edges], edges[0].port


@contextmanager
def by_balancer(edges: Sequence[Edge], folder: Path, *, is_cutting: bool) -> Iterator[tuple[Sequence[str], int]]:
    """One address, where HAProxy gives each connection to the edge that has fewest. Raises ChildError."""
    (port,) = free_ports(1)
    config = folder / "balancer.cfg"
    config.write_text(
        _HAPROXY.format(
            port=port,
            inter=round(CHECK_SECONDS * 1000),
            fall=CHECK_FALL,
            on_down=_CUTTING if is_cutting else "",
            servers="\n".join(
                f"    server edge-{number} {edge.address}:{edge.port} addr 127.0.0.1 port {edge.admin}"
                for number, edge in enumerate(edges, start=1)
            ),
        )
    )
    argv = ["haproxy", "-db", "-f", str(config)]
    with running("balancer", argv, folder, lambda: answers(port, HEALTH_PATH)):
        yield ["127.0.0.1"], port


Way = Callable[[Sequence[Edge], Path], AbstractContextManager[tuple[Sequence[str], int]]]
"""Opens a way to the edges: the addresses that clients know, and the port of all of them."""

WAYS: dict[str, Way] = {
    "name": by_name,
    "balancer": partial(by_balancer, is_cutting=False),
    "cutting": partial(by_balancer, is_cutting=True),
}


@dataclass(frozen=True)
class Run:
    """Where clients dial (`name`, `balancer` or `cutting` balancer), and what happens to one edge."""

    way: str
    event: str

    @property
    def title(self) -> str:
        return f"{self.way}-{self.event}"


RUNS = {
    run.title: run
    for run in (
        Run("name", "kill"),
        Run("balancer", "kill"),
        Run("name", "drain"),
        Run("balancer", "drain"),
        Run("cutting", "drain"),
        Run("name", "hang"),
        Run("balancer", "hang"),
        Run("cutting", "hang"),
    )
}

EVENTS = {"kill": "killed", "drain": "told to drain", "hang": "stopped"}


@dataclass(frozen=True)
class Result:
    """What clients saw in one run, when what was done, and how many requests the edge had under way just before."""

    sightings: Sightings
    marks: Sequence[Mark]
    flows: int


def run_once(run: Run, seconds: float) -> Result:
    """One run, with nodes and edges of its own. Raises ChildError, CrowdError, OSError."""
    print(f"{run.title}, {seconds:g} s ...", file=sys.stderr, flush=True)
    flows = 0
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(misbehaving_nodes(NODES, folder))
        for node in nodes:
            node.set_fault(PACE)
        edges = stack.enter_context(running_edges(nodes, folder))
        victim = edges[VICTIM]
        addresses, port = stack.enter_context(WAYS[run.way](edges, folder))

        def count() -> None:
            nonlocal flows
            flows = victim.flows()

        begin = {"kill": victim.kill, "drain": victim.drain, "hang": victim.freeze}[run.event]
        end = victim.thaw if run.event == "hang" else victim.restart
        actions = [
            Action(seconds / 4, "", count),
            Action(seconds / 4, EVENTS[run.event], begin),
            Action(3 * seconds / 4, "back", end),
        ]
        file = folder / "seen.json"
        visit = Visit(addresses, port, PATIENCE * seconds)
        with crowd("loadtests.edge_clients", [str(file), json.dumps(asdict(visit))]) as clients:
            marks = play(actions, seconds)
            clients.leave()
        return Result(Sightings.from_json(file.read_text()), marks, flows)


def failures(reads: Iterable[Seen]) -> Counter[str]:
    """What clients raised, and how often."""
    return Counter(one.outcome for one in reads if one.outcome != OK)


def lines(run: str, result: Result) -> list[list[str]]:
    """A line of the table for each kind of client, in the order of COLUMNS."""
    table = []
    for kind in READERS:
        reads = [one for one in result.sightings.reads if one.kind == kind]
        failed = failures(reads)
        took = sorted(one.took for one in reads)
        table.append(
            [
                run,
                kind,
                f"{len(reads):,}",
                f"{failed.total():,}",
                f"{result.sightings.sent[kind] - len(reads):,}",
                f"{percentile(took, 0.5):.1f}",
                f"{percentile(took, 1.0):.1f}",
                ", ".join(f"{count} x {name}" for name, count in failed.items()),
            ]
        )
    return table


def judge(title: str, result: Result) -> list[Finding]:
    """What may be lost: nothing by a drain, and else what was under way, by those who do not ask again."""
    run, reads = RUNS[title], result.sightings.reads
    failed = failures(reads)
    findings = [Finding(f"{title}: reads with wrong bytes", failed[WRONG], 0)]
    if run.event == "drain" and run.way != "cutting":
        return [*findings, Finding(f"{title}: reads that failed", failed.total(), 0)]
    again = failures(one for one in reads if one.kind in ASK_AGAIN)
    lost = Counter((one.kind, one.reader) for one in reads if one.outcome != OK and one.kind not in ASK_AGAIN)
    findings += [
        Finding(f"{title}: failed reads of clients that ask again", again.total(), 0),
        Finding(f"{title}: reads that one other reader lost", max(lost.values(), default=0), 1),
    ]
    if run == Run("cutting", "hang"):
        longest = max(one.took for one in reads)
        findings.append(Finding(f"{title}: longest read", longest, 2 * USUAL_SECONDS + CUT_SECONDS, "s"))
    return findings


def charts(results: Mapping[str, Result], seconds: float) -> dict[str, list[Panel]]:
    """Reads that ended over time, a chart for each event and a panel for each way to the edges."""
    found: dict[str, list[Panel]] = {}
    for title, result in results.items():
        run = RUNS[title]
        ends = {"went well": [0.0] * round(seconds / BUCKET_SECONDS)}
        ends["failed"] = list(ends["went well"])
        for one in result.sightings.reads:
            bucket = int((one.started + one.took) / BUCKET_SECONDS)
            if bucket < len(ends["failed"]):
                ends["went well" if one.outcome == OK else "failed"][bucket] += 1
        panel = Panel(f"{run.way}: reads in {BUCKET_SECONDS:g} s", BUCKET_SECONDS, ends, marks=result.marks)
        found.setdefault(f"One of {len(ADDRESSES)} s3edges is {EVENTS[run.event]}", []).append(panel)
    return found


def answer(seconds: float, names: Sequence[str]) -> Report:
    results = {name: run_once(RUNS[name], seconds) for name in names}
    return Report(
        COLUMNS,
        [line for name, result in results.items() for line in lines(name, result)],
        [finding for name, result in results.items() for finding in judge(name, result)],
        charts(results, seconds),
        {"runs": {name: asdict(result) for name, result in results.items()}},
    )


if __name__ == "__main__":
    sys.exit(command("edges", "What is lost when one of several s3edges dies", 16, tuple(RUNS), answer, ("haproxy",)))
