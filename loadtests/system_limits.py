"""What happens at limits of the operating system? `python -m loadtests.system_limits`.

`pipes`: 64 MiB GETs while the user of s3edge has pipes left, and while others of his programs hold all that he may have
(`fs.pipe-user-pages-soft`), so that Linux gives no more than 8 KiB. `queue`: 1,000 clients come in one instant, with
room for 4,096 and for 128 new connections (`net.core.somaxconn`). `descriptors`: more clients than a worker may have
descriptors.
"""

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.cases import CASES
from loadtests.cost import tree_cpu
from loadtests.edges import Edge
from loadtests.findings import Finding
from loadtests.measure import measure, median_of_pairs
from loadtests.nodes import MIB, scratch, storage_nodes
from loadtests.ports import free_ports
from loadtests.question import Report, command
from loadtests.rivals import SUBJECT, Proxy
from loadtests.storm import IN_OWN_NETWORK, Storm
from loadtests.wrk import LoadError

COLUMNS = ("limit", "setting", "figure", "found")

CASE = CASES["get-64m"]
ROUNDS = 3
PIPE_SHARE = Path("/proc/sys/fs/pipe-user-pages-soft")
UNPRIVILEGED = ("setpriv", "--bounding-set", "-sys_resource,-sys_admin") if os.geteuid() == 0 else ()
"""From util-linux: even root then has its share of pipes and no more, as the user of a service."""

PIPE_LIMIT = 4.0
"""Times the cost with pipes. What cannot be spliced is copied; through pipes of 8 KiB it would be five to six times."""

CLIENTS = 1000
ROOMS = (4096, 128)
STORM_SECONDS = 60

DESCRIPTORS = 64
TOO_MANY = 150
SPIN_LIMIT = 5.0
"""Percent of a core: an s3edge that cannot accept a connection must not try without end."""

REQUEST = b"GET /bench/4KiB HTTP/1.1\r\nHost: edge\r\n\r\n"
SHORTAGE = b"no connection to a node can be opened"


@dataclass(frozen=True)
class Found:
    """Lines of the table, what is held against limits, raw figures."""

    lines: Sequence[Sequence[str]]
    findings: Sequence[Finding]
    raw: dict[str, Any] = field(default_factory=dict)


@contextmanager
def running_edge(prefix: Sequence[str] = ()) -> Iterator[Edge]:
    """An s3edge, run by the program `prefix`, before nodes that serve from memory. Raises ChildError, OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(storage_nodes(2, folder))
        edge = Edge("127.0.0.1", free_ports(1)[0], nodes, folder, prefix)
        stack.callback(edge.end)
        yield edge


@contextmanager
def no_pipes_left() -> Iterator[None]:
    """Hold as many pages in pipes as an unprivileged program of this user may."""
    pages = int(PIPE_SHARE.read_text())
    held: list[int] = []
    try:
        for _ in range(pages * os.sysconf("SC_PAGE_SIZE") // MIB + 1):
            held += os.pipe()
            try:
                fcntl.fcntl(held[-1], fcntl.F_SETPIPE_SZ, MIB)
            except PermissionError:
                break  # we are unprivileged ourselves: nothing is left
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)


def pipes(seconds: float) -> Found:
    """With pipes, without, with, without ..."""
    settings: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "1 MiB each": nullcontext,
        "none left": no_pipes_left,
    }
    costs: dict[str, list[float]] = {setting: [] for setting in settings}
    errors = 0
    for _ in range(ROUNDS):
        for setting, state in settings.items():
            with state(), running_edge(UNPRIVILEGED) as edge, scratch() as folder:
                proxy = Proxy(SUBJECT, edge.port, is_tls=False, child=edge.child)
                measurement = measure(proxy, CASE, round(seconds), folder)
            costs[setting].append(measurement.cpu_per_gib)
            errors += sum(measurement.errors.values())
    ratio = median_of_pairs(costs["none left"], costs["1 MiB each"])
    return Found(
        [["pipes", setting, f"{CASE.title}, CPU s/GiB", f"{median(found):.2f}"] for setting, found in costs.items()],
        [
            Finding(f"{CASE.title}, no pipes left over 1 MiB each, CPU per GiB", ratio, PIPE_LIMIT),
            Finding("pipes: requests that failed", errors, 0),
        ],
        costs,
    )


def queue(seconds: float) -> Found:
    """One storm for each length of the queue; it takes as long as it takes."""
    storms: dict[int, Storm] = {}
    for room in ROOMS:
        argv = [*IN_OWN_NETWORK, sys.executable, "-m", "loadtests.storm", str(CLIENTS), str(room)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=STORM_SECONDS, check=False)
        if done.returncode:
            raise LoadError(f"a storm in a network of its own: exit code {done.returncode}\n{done.stderr[-2000:]}")
        storms[room] = Storm(**json.loads(done.stdout))
    return told_of_storms(storms)


def told_of_storms(storms: Mapping[int, Storm]) -> Found:
    """What is said of storms, by the room in the queue; the first of them must not fill it."""
    lines = []
    for room, storm in storms.items():
        setting = f"room for {room:,}"
        lines += [
            ["queue", setting, f"{storm.clients:,} clients at once, median s to the answer", f"{storm.median:.2f}"],
            ["queue", setting, "longest s", f"{storm.longest:.2f}"],
            ["queue", setting, "times that the queue was full (TcpExtListenOverflows)", f"{storm.overflows:,}"],
            ["queue", setting, "SYNs that were sent again (TcpExtTCPSynRetrans)", f"{storm.again:,}"],
        ]
    lost = sum(storm.clients - storm.answered for storm in storms.values())
    return Found(
        lines,
        [
            Finding("queue: clients without an answer", lost, 0),
            Finding(f"queue, room for {ROOMS[0]:,}: times that it was full", storms[ROOMS[0]].overflows, 0),
        ],
        {str(room): asdict(storm) for room, storm in storms.items()},
    )


def outcome(sock: socket.socket) -> str:
    """What a client gets on its connection: a status, or `closed`."""
    try:
        sock.sendall(REQUEST)
        answer = sock.recv(65_536)
    except OSError:
        answer = b""
    return answer[9:12].decode() or "closed"


def descriptors(seconds: float) -> Found:
    """More clients than descriptors stay; then they ask, then they leave."""
    with running_edge(("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as edge:
        with ExitStack() as stack:
            socks = [
                stack.enter_context(closing(socket.create_connection(("127.0.0.1", edge.port), timeout=10)))
                for _ in range(TOO_MANY)
            ]
            cpu = tree_cpu(edge.child.pid)
            time.sleep(seconds)
            cpu = tree_cpu(edge.child.pid) - cpu
            closed = len(select.select(socks, [], [], 0)[0])
            outcomes = Counter(outcome(sock) for sock in socks)
        told = edge.child.log.read_bytes().count(SHORTAGE)
        time.sleep(1)  # those who left are noticed
        with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as sock:
            last = outcome(sock)
    setting = f"{DESCRIPTORS} for each process"
    return Found(
        [
            ["descriptors", setting, f"of {TOO_MANY} clients, those whose connection was closed at once", f"{closed}"],
            ["descriptors", setting, "those who then asked and got 503", f"{outcomes['503']}"],
            ["descriptors", setting, "lines of the log about it", f"{told}"],
            ["descriptors", setting, "% of a core while they stay", f"{100 * cpu / seconds:.1f}"],
        ],
        [
            Finding("descriptors: processor time while clients stay", 100 * cpu / seconds, SPIN_LIMIT, "% of a core"),
            Finding("descriptors: requests that fail when they have left", float(last != "200"), 0),
        ],
        {"outcomes": dict(outcomes)},
    )


QUESTIONS: dict[str, Callable[[float], Found]] = {"pipes": pipes, "queue": queue, "descriptors": descriptors}


def answer(seconds: float, names: Sequence[str]) -> Report:
    found = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = QUESTIONS[name](seconds)
    return Report(
        COLUMNS,
        [line for one in found.values() for line in one.lines],
        [finding for one in found.values() for finding in one.findings],
        raw={name: one.raw for name, one in found.items()},
    )


if __name__ == "__main__":
    programs = ("nginx", "wrk")  # unshare, setpriv and prlimit are of util-linux, which Debian always has
    sys.exit(command("system_limits", "Limits of the operating system", 3, tuple(QUESTIONS), answer, programs))
