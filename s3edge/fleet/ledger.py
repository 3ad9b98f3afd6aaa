"""The ledger: who holds how much of each limit that somebody wants more of.

A worker takes without asking, up to its leases, so the sum of all leases is never above the total. With a rate that
suffices. What is there of a level does not go when a lease is lowered, though: requests in flight stay until they
end. Until a worker has said that it obeys the lower lease, it may even start more; so the ledger counts the old lease
until then, afterwards what is there, and grants others only the rest. Reports say which round's leases they obey.

A limit is opened by the first holder that wants more than its even part, and all others are told their leases. When
nobody has wanted more for a while, all have their even parts again, and the ledger forgets it.
"""

from collections.abc import Sequence
from math import inf
from typing import Final

from s3edge.fleet.division import divide_level, divide_rate
from s3edge.fleet.shared import Demand, Division, Report, even_part

# Seconds without want after which a limit is divided evenly again. Longer than the pauses of a client that comes and
# goes, short enough that a limit is not divided for long as it was for clients who are gone.
CALM: Final = 10.0
# Seconds without a report after which a holder is taken to use nothing of the rates: whoever cannot report, ten times
# in a row, cannot carry requests either. What it has of levels stays counted.
SILENCE: Final = 0.5

_Changes = dict[str, dict[str, float | None]]  # new leases, by holder and key


class _Holder:
    """What one living holder said last, and when."""

    __slots__ = ("demands", "heard", "round")

    def __init__(self) -> None:
        self.round = 0
        self.heard = 0.0
        self.demands: dict[str, Demand] = {}


class _Part:
    """What one holder has of a limit.

    It may have up to `counted` there of a level; that falls to the lease when a report obeys round `lowered`. Before
    it obeys round `opened` it says nothing of the limit unless it wants more.
    """

    __slots__ = ("counted", "lease", "lowered", "opened")

    def __init__(self, lease: float, opened: int) -> None:
        self.lease = lease
        self.counted = lease
        self.lowered = 0
        self.opened = opened


class _Limit:
    """One limit that is divided. `is_new`: its leases must be told, whoever wants what."""

    __slots__ = ("is_level", "is_new", "parts", "total", "wanted")

    def __init__(self, total: float, is_level: bool, now: float) -> None:
        self.total = total
        self.is_level = is_level
        self.wanted = now
        self.is_new = True
        self.parts: dict[str, _Part] = {}


class Ledger:
    """Divides limits among the `count` workers of one edge; see `SharedLimits`.

    With four workers a round costs 4 us for each limit that somebody wants more of, 1 us for any other that it knows.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._living: dict[str, _Holder] = {}
        self._limits: dict[str, _Limit] = {}
        self._round = 0

    @property
    def leases(self) -> dict[str, dict[str, float]]:
        """The leases of each limit that is divided now, by holder."""
        return {key: {name: part.lease for name, part in limit.parts.items()} for key, limit in self._limits.items()}

    def join(self, holder: str) -> Division:
        """A worker begins, with nothing of what is divided now: others have it until the next division."""
        self.left(holder)
        self._living[holder] = _Holder()
        for limit in self._limits.values():
            limit.parts[holder] = _Part(0.0, self._round)
            limit.is_new = True
        return Division(self._round, dict.fromkeys(self._limits, 0.0))

    def left(self, holder: str) -> None:
        """A worker's process has ended: all that it held is free."""
        self._living.pop(holder, None)
        for limit in self._limits.values():
            limit.parts.pop(holder, None)

    def report(self, holder: str, report: Report, now: float) -> None:
        """Take what a worker says; of one that has not joined, or has left, it counts for nothing."""
        said = self._living.get(holder)
        if said is None:
            return
        said.round = report.round
        said.heard = now
        said.demands = dict(report.demands)
        for key, demand in report.demands.items():
            limit = self._limits.get(key)
            if limit is None:
                if demand.is_wanting:
                    self._open(key, demand, now)
            elif demand.total != limit.total:
                self._change_total(limit, demand.total)

    def divide(self, now: float) -> dict[str, Division]:
        """What each worker must be told: the leases that are not what they were."""
        self._round += 1
        silent = {name for name, holder in self._living.items() if now - holder.heard > SILENCE}
        changes: _Changes = {name: {} for name in self._living}
        calm = []
        for key, limit in self._limits.items():
            if limit.is_level:
                self._recount(key, limit)
            used = self._used(key, limit, silent)
            if inf in used:
                limit.wanted = now
                if limit.is_level:
                    old = [part.lease for part in limit.parts.values()]
                    self._move_level(key, limit, divide_level(limit.total, used, old, now), changes)
                else:
                    self._move_rate(key, limit, divide_rate(limit.total, used), changes)
            elif self._is_calm(key, limit, now, changes):
                calm.append(key)
            limit.is_new = False
        for key in calm:
            del self._limits[key]
            for leases in changes.values():
                leases[key] = None
        return {name: Division(self._round, leases) for name, leases in changes.items() if leases}

    def _open(self, key: str, demand: Demand, now: float) -> None:
        """Divide a limit from now on, of which each has its even part until now."""
        limit = self._limits[key] = _Limit(demand.total, demand.is_level, now)
        even = even_part(limit.total, limit.is_level, self._count)
        limit.parts = {name: _Part(even, self._round + 1) for name in self._living}

    def _change_total(self, limit: _Limit, total: float) -> None:
        """Take a new total, which came with a new configuration; workers keep their share of it until they are told.

        For some moments, until all have the same configuration, the sum may be above the lower one of the two.
        """
        for part in limit.parts.values():
            lease = part.lease * total / limit.total
            part.lease = lease // 1 if limit.is_level else lease
            part.counted = max(part.counted, part.lease)
            part.lowered = self._round + 1
        limit.total = total
        limit.is_new = True

    def _recount(self, key: str, limit: _Limit) -> None:
        """Count anew what each may have there of a level."""
        for name, part in limit.parts.items():
            holder = self._living[name]
            if holder.round >= part.lowered:
                demand = holder.demands.get(key)
                part.counted = part.lease if demand is None else max(part.lease, demand.used)

    def _used(self, key: str, limit: _Limit, silent: set[str]) -> list[float]:
        """What each holder uses, in the order of the parts; `inf` if it wants more."""
        used = []
        for name, part in limit.parts.items():
            holder = self._living[name]
            demand = holder.demands.get(key)
            if name in silent:
                used.append(0.0)
            elif demand is not None:
                used.append(inf if demand.is_wanting else demand.used)
            else:
                used.append(part.lease if holder.round < part.opened else 0.0)
        return used

    def _is_calm(self, key: str, limit: _Limit, now: float, changes: _Changes) -> bool:
        """Divide evenly what nobody wants more of; whether that is done, and has been so for long enough."""
        is_over = now - limit.wanted >= CALM
        if not limit.is_new and not is_over:
            return False
        even = even_part(limit.total, limit.is_level, self._count)
        move = self._move_level if limit.is_level else self._move_rate
        move(key, limit, [even] * len(limit.parts), changes)
        return is_over and all(
            part.lease == even and (not limit.is_level or part.counted <= even) for part in limit.parts.values()
        )

    def _move_rate(self, key: str, limit: _Limit, leases: Sequence[float], changes: _Changes) -> None:
        for (name, part), lease in zip(limit.parts.items(), leases, strict=True):
            if lease != part.lease or limit.is_new:
                part.lease = changes[name][key] = lease

    def _move_level(self, key: str, limit: _Limit, leases: Sequence[float], changes: _Changes) -> None:
        """Bring the leases to these, as far as others have let go; what they let go is for who has the least, first."""
        free = limit.total - sum(part.counted for part in limit.parts.values())
        moves = zip(limit.parts.items(), leases, strict=True)
        for (name, part), wished in sorted(moves, key=lambda move: move[0][1].lease):
            lease = wished
            if wished > part.counted:
                lease = max(min(wished, part.counted + free), part.lease)
                free -= max(lease - part.counted, 0.0)
            if lease < part.lease:
                part.lowered = self._round
            if lease != part.lease or limit.is_new:
                part.lease = changes[name][key] = lease
                part.counted = max(part.counted, lease)
