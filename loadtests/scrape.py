"""What does a scrape with 1,000 tenants and 64 nodes cost, and what do clients feel? `python -m loadtests.scrape`.

Each tenant has a policy and limits of its own and makes six kinds of request at each of two workers. Then, with nothing
else to do, s3edge is scraped each second, in the form that Prometheus asks for, and not scraped for as long: the
difference of its processor time is what scrapes cost. Then a client of one worker asks for 4 KiB again and again, first
without scrapes and then with them. The slowest answer beside each scrape is compared with the slowest beside moments in
which nobody scraped, since a busy machine holds up answers by itself.
"""

import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from loadtests.clients import claim
from loadtests.contest import workers_of
from loadtests.cost import tree_cpu
from loadtests.findings import Finding
from loadtests.many_tenants import EDGES, TENANTS
from loadtests.nodes import object_path, scratch, storage_nodes
from loadtests.qos_rivals import entrance_of, s3edge_by_policy
from loadtests.question import Report, command
from loadtests.rivals import SUBJECT
from loadtests.skew import ports_to

HOST = "127.0.0.1"
NODES = 64
WORKERS = 2
EDGE = replace(EDGES["1,000 tenants with limits"], workers=WORKERS)
PAUSE = 1.0
"""Seconds from one scrape to the next: fifteen times as often as Prometheus does, so that costs stand out."""

SHAM = 0.1
"""Seconds of a moment in which nobody scraped: about as long as a scrape takes."""

WITHOUT, WITH = "no scrapes", "a scrape each second"
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

CPU_LIMIT = 50.0
STALL_LIMIT = 10.0
"""Both in milliseconds: what a scrape may cost in all processes together, and what it may hold up an answer."""

KINDS = (
    f"GET {object_path('4KiB')} HTTP/1.1\r\n",
    "GET /bench/nothing HTTP/1.1\r\n",
    f"GET {object_path('64KiB')} HTTP/1.1\r\nRange: bytes=0-99\r\n",
    f"HEAD {object_path('4KiB')} HTTP/1.1\r\n",
    "PUT /upload/object HTTP/1.1\r\nContent-Length: 2\r\n",
    "GET /bench?list-type=2 HTTP/1.1\r\n",
)
"""Hits, misses, parts, heads, writes and lists: six series for a tenant."""

LEAST_SECONDS = 20.0
"""For both: the median of a few scrapes tells more of the machine than of them."""

COLUMNS = (
    "run",
    "scrapes",
    "lines",
    "a scrape took ms",
    "CPU ms/s when idle",
    "loop lag ms",
    "answers p50 ms",
    "p99 ms",
    "longest ms",
    "longest beside a scrape, median ms",
)
"""The lag is what s3edge says: the longest of any worker in the last minute."""


@dataclass
class Run:
    """What was seen with scrapes, or without: when answers came, when scrapes were, what the processes used.

    Instants are seconds of the clock of this process. `cpu` is seconds of processor time per second without clients,
    in which there were so many scrapes as `rate` says. Without scrapes there are moments instead of them.
    """

    name: str
    answers: list[tuple[float, float]] = field(default_factory=list)  # when it was there, how long it took
    scrapes: list[tuple[float, float]] = field(default_factory=list)  # from, to
    cpu: float = 0.0
    rate: float = 0.0
    lag: float = 0.0
    lines: int = 0

    def percentile(self, share: float) -> float:
        """The time within which this share of the answers came, in seconds."""
        times = sorted(took for _, took in self.answers)
        return times[min(len(times) - 1, int(share * len(times)))]

    @property
    def beside(self) -> float:
        """The longest that an answer took beside a scrape, the median over the scrapes."""
        return median(
            max((took for at, took in self.answers if at > begin and at - took < end), default=0.0)
            for begin, end in self.scrapes
        )


class Line:
    """A connection to an s3edge on which requests are answered one after the other."""

    def __init__(self, port: int, source_port: int = 0) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30, source_address=(HOST, source_port))
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: str, tenant: str) -> int:
        """The status of the answer to a request, whose head is given without its end."""
        has_body = "Content-Length: 2" in request
        raw = f"{request}Host: {HOST}\r\n{claim(tenant)}\r\n{'xx' if has_body else ''}"
        self._connection.sock.sendall(raw.encode())
        answer = http.client.HTTPResponse(self._connection.sock, method=request.partition(" ")[0])
        answer.begin()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()


def run_both(seconds: float) -> tuple[Run, Run]:
    """Without scrapes and with them, at one s3edge. Raises ChildError, CrowdError, OSError."""
    without, scraped = Run(WITHOUT), Run(WITH)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(storage_nodes(NODES, folder))
        proxy = stack.enter_context(s3edge_by_policy(nodes, folder, EDGE))
        admin = _admin_port(folder)
        for worker in workers_of(entrance_of(proxy)):
            with closing(Line(proxy.port, *ports_to(worker, proxy.port, 1))) as line:
                for tenant in TENANTS:
                    for kind in KINDS:
                        line.ask(kind, tenant)
        for run in (without, scraped):
            with scrapes(run, admin):
                before = tree_cpu(proxy.child.pid)
                time.sleep(seconds)
                run.cpu = (tree_cpu(proxy.child.pid) - before) / seconds
            run.rate = len(run.scrapes) / seconds
            run.scrapes.clear()
        for run in (without, scraped):
            with scrapes(run, admin), closing(Line(proxy.port)) as line:
                ask_for(seconds, line, run)
            text = scrape(admin)
            run.lines = text.count("\n")
            run.lag = max(lags(text))
    return without, scraped


def ask_for(seconds: float, line: Line, run: Run) -> None:
    """Have a client ask again and again, as 1,000 tenants in turn."""
    begun = asked = time.monotonic()
    while asked < begun + seconds:
        line.ask(KINDS[0], TENANTS[len(run.answers) % len(TENANTS)])
        answered = time.monotonic()
        run.answers.append((answered, answered - asked))
        time.sleep(0.001)  # a worker that is busy all the time is late for other reasons
        asked = time.monotonic()


@contextmanager
def scrapes(run: Run, admin: int) -> Iterator[None]:
    """Scrape each second for the length of the block, if that is the run's; note when."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(PAUSE):
            begin = time.monotonic()
            if run.name == WITH:
                scrape(admin)
            else:
                is_over.wait(SHAM)
            run.scrapes.append((begin, time.monotonic()))

    thread = threading.Thread(target=work, name="scrape", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def scrape(admin: int) -> str:
    """What `/metrics` says, as Prometheus asks for it."""
    connection = http.client.HTTPConnection(HOST, admin, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": ACCEPT})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def lags(text: str) -> list[float]:
    """What a scrape says of the workers' loops, in seconds."""
    lines = text.splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith("s3edge_loop_lag_seconds{")]


def _admin_port(folder: Path) -> int:
    told = yaml.safe_load((folder / SUBJECT / "s3edge.yaml").read_text())
    return int(told["admin"]["address"].rpartition(":")[2])


def report(without: Run, scraped: Run) -> Report:
    """The table and the findings."""
    cost = (scraped.cpu - without.cpu) / scraped.rate
    held_up = max(0.0, scraped.beside - without.beside)
    findings = [
        Finding("processor time of a scrape, in all processes", cost * 1e3, CPU_LIMIT, "ms", LEAST_SECONDS),
        Finding(
            "the slowest answer beside a scrape took longer than without by, median",
            held_up * 1e3,
            STALL_LIMIT,
            "ms",
            LEAST_SECONDS,
        ),
    ]
    raw: dict[str, Any] = {one.name: asdict(one) | {"answers": len(one.answers)} for one in (without, scraped)}
    return Report(COLUMNS, [_cells(without), _cells(scraped)], findings, raw=raw)


def _cells(one: Run) -> list[str]:
    is_scraped = one.name == WITH
    took = median(end - begin for begin, end in one.scrapes)
    longest = max(seconds for _, seconds in one.answers)
    times = (one.cpu, one.lag, one.percentile(0.5), one.percentile(0.99), longest, one.beside)
    return [
        one.name,
        f"{len(one.scrapes) * is_scraped}",
        f"{one.lines:,}",
        f"{took * 1e3:,.0f}" if is_scraped else "",
        *(f"{seconds * 1e3:,.1f}" for seconds in times),
    ]


def answer(seconds: float, names: Sequence[str]) -> Report:
    return report(*run_both(seconds))


if __name__ == "__main__":
    # At least a minute, since the lag is that of the last one.
    sys.exit(
        command("scrape", "The cost of a scrape with 1,000 tenants and 64 nodes", 60, [SUBJECT], answer, ["nginx"])
    )
