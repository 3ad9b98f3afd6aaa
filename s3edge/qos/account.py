"""What a tenant has had of a resource that all share by weight: start-time fair queueing.

Source: Goyal, Vin and Cheng, "Start-time Fair Queuing", 1996. Served is the tenant with the least virtual time, which
grows by what it takes, divided by its weight. Here many are served at a time and a body is paid for as it moves, so
what counts is what was charged until now (as in Jin, Chase and Kaur's SFQ(D), 2004).
"""

from typing import Final

from s3edge.config.units import MIB

# In bytes at a weight of 1, as all virtual times. Who asks for one thing at a time is not waiting while it moves: it
# must not lose its turn by that. Four of the largest quanta put it first again; saved for long, they would shut others
# out.
CREDIT: Final = 4.0 * MIB
# What was taken while nobody waited was taken from nobody. Of it no more counts than this: a quarter of a second of
# 240 MB/s. It is also the largest ratio of weights (to one quantum of 1 MiB) that holds for tenants of one flow each.
DEBT: Final = 64.0 * MIB


class VirtualTime:
    """The virtual time `now` of a resource: that of the account that was served last, and never less than before."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0.0


class Account:
    """A tenant's use of one resource. `weight` may change at any time; `waiting` counts its entries in all lines."""

    __slots__ = ("_time", "virtual", "waiting", "weight")

    def __init__(self, time: VirtualTime, weight: float = 1.0) -> None:
        self._time = time
        self.virtual = time.now
        self.waiting = 0
        self.weight = weight

    def charge(self, amount: float) -> None:
        """The tenant has had `amount` more, in bytes; or less, if it gives back what it did not need.

        Entries that wait already may get their turn as if what is given back still counted.
        """
        self.virtual += amount / self.weight

    def begin_to_wait(self) -> None:
        """The account's first entry enters a line: past use counts, but only so far (see `CREDIT` and `DEBT`)."""
        present = self._time.now
        self.virtual = min(max(self.virtual, present - CREDIT), present + DEBT)

    def be_served(self) -> None:
        """One of its entries leaves a line since it is served."""
        self._time.now = max(self._time.now, self.virtual)
