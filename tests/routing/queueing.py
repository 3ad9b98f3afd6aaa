"""Storage nodes as queues: what a way to balance does to throughput and times, in virtual time and without a loop."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf

from s3edge.routing.balance import Balancer
from s3edge.routing.node import Node


@dataclass(frozen=True)
class Answer:
    """A request that was answered or given up: by whom, when it was sent, and how many seconds that took."""

    node: str
    sent: float
    seconds: float


@dataclass(frozen=True)
class Figures:
    """What came of a run: answers per second, mean and 99th percentile of their seconds, each node's part."""

    rate: float
    mean: float
    p99: float
    shares: dict[str, float]


class Queueing:
    """Nodes that work on `slots` requests at a time; the others wait there in order.

    `service` says how many seconds a node takes for a request that it begins with at the given time. A node is told
    every time to first byte; after `patience` seconds a request is given up.
    """

    def __init__(
        self,
        balancer: Balancer,
        nodes: Sequence[Node],
        service: Callable[[Node, float], float],
        slots: float = inf,
        patience: float = inf,
    ) -> None:
        self.answers: list[Answer] = []
        self._balancer = balancer
        self._nodes = tuple(nodes)
        self._service = service
        self._slots = slots
        self._patience = patience
        self._busy = dict.fromkeys(nodes, 0)
        self._waiting: dict[Node, deque[float]] = {node: deque() for node in nodes}
        self._is_closed = False
        self._serial = count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []

    def run_closed(self, clients: int, seconds: float, warm_up: float = 0.0) -> Figures:
        """`clients` that each send their next request as soon as the last one is over."""
        self._is_closed = True
        for number in range(clients):
            self._at(number * 1e-6, self._send)
        return self._run(seconds, warm_up)

    def run_open(self, rate: float, seconds: float, warm_up: float = 0.0) -> Figures:
        """`rate` requests a second, whatever becomes of them."""
        for number in range(int(rate * seconds)):
            self._at(number / rate, self._send)
        return self._run(seconds, warm_up)

    def _run(self, seconds: float, warm_up: float) -> Figures:
        while self._events and self._events[0][0] <= seconds:
            now, _, event = heappop(self._events)
            event(now)
        answers = [answer for answer in self.answers if answer.sent >= warm_up]
        times = sorted(answer.seconds for answer in answers)
        served = [answer.node for answer in answers]
        return Figures(
            rate=len(times) / (seconds - warm_up),
            mean=sum(times) / len(times),
            p99=times[int(0.99 * len(times))],
            shares={node.name: served.count(node.name) / len(served) for node in self._nodes},
        )

    def _at(self, time: float, event: Callable[[float], None]) -> None:
        heappush(self._events, (time, next(self._serial), event))

    def _send(self, now: float) -> None:
        node = self._balancer.pick(self._nodes, (), b"", now)
        assert node is not None
        node.inflight += 1
        if self._busy[node] < self._slots:
            self._busy[node] += 1
            self._start(node, now, now)
        else:
            self._waiting[node].append(now)

    def _start(self, node: Node, sent: float, now: float) -> None:
        done = now + self._service(node, now)
        self._at(done, partial(self._done, node))
        self._at(min(done, sent + self._patience), partial(self._over, node, sent))

    def _done(self, node: Node, now: float) -> None:
        """A slot of the node is free."""
        if self._waiting[node]:
            self._start(node, self._waiting[node].popleft(), now)
        else:
            self._busy[node] -= 1

    def _over(self, node: Node, sent: float, now: float) -> None:
        """A request was answered or given up."""
        node.inflight -= 1
        node.observe(now - sent, now)
        self.answers.append(Answer(node.name, sent, now - sent))
        if self._is_closed:
            self._send(now)
