"""Workers that share one limit, the ledger that divides it, and clients without an end of requests; simulated time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from s3edge.config.qos import Limits, RequestRates
from s3edge.fleet.leases import Leases
from s3edge.fleet.ledger import Ledger
from s3edge.fleet.shared import PERIOD, SETTLE
from s3edge.qos.limiter import Limiter
from s3edge.s3.operation import OperationClass

SCOPE = "tenant/training"
RATE = 200.0
TICKS = 200  # of the simulation, per second
TICKS_PER_PERIOD = round(TICKS * PERIOD)
TICKS_TO_SETTLE = round(TICKS * SETTLE)
WINDOW = 10 * TICKS
RATE_LIMITS = Limits(requests=RequestRates(all=RATE))


@dataclass
class Worker:
    """One worker with `clients`, each of which asks as often as it may; a request takes up to `longest` seconds."""

    name: str
    count: int
    limits: Limits
    longest: float = 0.0
    clients: int = 0
    is_silent: bool = False
    rng: Random = field(default_factory=lambda: Random(1))

    def __post_init__(self) -> None:
        self.limiter = Limiter(self.limits, part=1 / self.count)
        self.leases = Leases(lambda: [(SCOPE, self.limiter)], self.count, -PERIOD)
        self.ends: list[float] = []

    def turn(self, now: float) -> int:
        """Let requests end and start; how many have started."""
        before = len(self.ends)
        self.ends = [end for end in self.ends if end > now]
        for _ in range(before - len(self.ends)):
            self.limiter.leave()
        started = 0
        # Without a length a request is over at once, so any number may wait behind the rate.
        while (len(self.ends) if self.longest else 0) < self.clients:
            if self.limiter.delay(OperationClass.READ, now):
                break
            self.limiter.take(OperationClass.READ, now)
            started += 1
            if self.longest:
                self.ends.append(now + self.rng.uniform(0.02, self.longest))
            else:
                self.limiter.leave()
        is_held_up = self.clients > len(self.ends) if self.longest else self.clients > 0
        self.limiter.waiting = ("somebody",) if is_held_up else ()
        return started


@dataclass
class Fleet:
    """`count` workers of one edge; `taken` and `present` say for each tick what started, and what was in flight."""

    count: int
    limits: Limits = RATE_LIMITS
    longest: float = 0.0
    tick: int = 0
    taken: list[int] = field(default_factory=list)
    present: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.count)
        self.workers: dict[str, Worker] = {}
        for number in range(self.count):
            self.start(str(number))

    def start(self, name: str) -> None:
        """A worker begins: new, or in the place of one that was killed."""
        worker = self.workers[name] = Worker(name, self.count, self.limits, self.longest)
        worker.leases.apply(self.ledger.join(name), self.tick / TICKS)

    def kill(self, name: str) -> None:
        """A worker dies with all that it has in flight."""
        del self.workers[name]
        self.ledger.left(name)

    def place(self, clients: Sequence[int]) -> None:
        """So many clients are at the workers from now on; there are none at one that is dead."""
        for number, count in enumerate(clients):
            if str(number) in self.workers:
                self.workers[str(number)].clients = count

    def run(self, seconds: float) -> None:
        """Let this time pass."""
        for _ in range(round(seconds * TICKS)):
            now = self.tick / TICKS
            if self.tick % TICKS_PER_PERIOD == 0:
                for worker in self._heard():
                    self.ledger.report(worker.name, worker.leases.report(now), now)
            if self.tick % TICKS_PER_PERIOD == TICKS_TO_SETTLE:
                divisions = self.ledger.divide(now)
                for worker in self._heard():
                    if worker.name in divisions:
                        worker.leases.apply(divisions[worker.name], now)
            self.taken.append(sum(worker.turn(now) for worker in self.workers.values()))
            self.present.append(sum(len(worker.ends) for worker in self.workers.values()))
            self.tick += 1

    def _heard(self) -> Iterable[Worker]:
        return [worker for worker in self.workers.values() if not worker.is_silent]


def windows(counts: Sequence[int]) -> list[float]:
    """The means per tick over each 10 s."""
    sums = list(accumulate(counts, initial=0))
    return [(end - start) / WINDOW for start, end in zip(sums, sums[WINDOW:], strict=False)]


def bounds(counts: Sequence[int], whole: float) -> tuple[float, float]:
    """The least and the greatest mean over any 10 s, as parts of what the limit allows."""
    means = windows(counts)
    return min(means) / whole, max(means) / whole
