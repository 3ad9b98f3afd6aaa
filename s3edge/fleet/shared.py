"""What those who hold a limit together say to each other, and to whoever divides it among them.

A limit holds for the sum over all workers, but no worker asks anybody before it takes something: it has a lease, which
is its part of the limit, and may use that up on its own. In each period the holders report what they use and whether
it is too little, and the limits that somebody wants more of are divided anew. `Ledger` does that for the workers of one
edge; a store that several edges share would stand behind the same interface.

As long as nobody wants more of a limit, nothing is said of it: each holder has its even part, and knows that itself.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

# Seconds. When clients move to another worker, the limit follows within two periods, so a move loses at most 1% of ten
# seconds. A round of 1,000 limits that somebody wants more of takes the supervisor a tenth of a period.
PERIOD: Final = 0.05
# Seconds after the reports at which they are divided: a line of a socket pair takes 1 ms, a busy loop's turn some more.
SETTLE: Final = 0.02
# Seconds by which a timer may come too early, and more: loops count in milliseconds. Who came early has come.
EARLY: Final = 0.005


class Demand(NamedTuple):
    """What a holder does with one limit.

    `used` is what it took per second since its last report, or of a level what is there now; `is_wanting`: somebody
    waited for more. `total` is the limit of all holders together. A level counts what is there at a time (requests in
    flight, connections), in whole numbers; what is no level is a rate per second.
    """

    used: float
    is_wanting: bool
    total: float
    is_level: bool


class Report(NamedTuple):
    """All that a holder has to say: a limit of which it has a lease, and which is not here, it neither uses nor wants.

    `round` is that of the last division it obeys, so what it uses is within the leases that it had then.
    """

    round: int
    demands: Mapping[str, Demand]


class Division(NamedTuple):
    """The leases of one holder that changed, by the limit's key; None: its even part again, and no more reports of it.

    The key is the scope, a slash and the dimension, for instance `tenant/training/requests.read`.
    """

    round: int
    leases: Mapping[str, float | None]


class SharedLimits(Protocol):
    """Divides limits among holders, which have names. No call waits; what a distant store answers comes later."""

    def join(self, holder: str) -> Division:
        """A holder begins, with these leases. It must have them before it takes anything."""

    def left(self, holder: str) -> None:
        """A holder is gone, and all that it used with it."""

    def report(self, holder: str, report: Report, now: float) -> None:
        """Take what a holder says; of one that has not joined, or has left, it counts for nothing."""

    def divide(self, now: float) -> Mapping[str, Division]:
        """What each holder must be told; who is not there need not be told anything."""


def even_part(total: float, is_level: bool, count: int) -> float:
    """What each of `count` holders has where nothing else was said.

    What does not divide of a level is given to nobody before somebody wants it.
    """
    return total // count if is_level else total / count


def until_report(now: float) -> float:
    """The seconds until the holders report next.

    They do so at the same instants, since the monotonic clock is that of the machine: else clients that move would wait
    for one holder's report, for the other's and for the next division in turn.
    """
    return _until(0.0, now)


def until_division(now: float) -> float:
    """The seconds until limits are divided next: when the reports have come."""
    return _until(SETTLE, now)


def _until(phase: float, now: float) -> float:
    wait = PERIOD - (now - phase) % PERIOD
    return wait if wait > EARLY else wait + PERIOD
