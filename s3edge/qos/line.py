"""The line of those who wait for something of which there is not enough: who is next, and who is sent away.

Two kinds of entries wait in such lines: requests for a place at a node, and flows for their next quantum of bytes.

Next is an entry of the highest class; of that class, one of the account with the least virtual time; of that account,
the one that came first. No class starves: one of which nobody was served for `AGEING` seconds has the next turn. That
counts for the class and not for each entry, since a tenant that asks for too much always has old entries. They are old
because of their number, and must not get before the interactive ones by it.

A line is made for thousands of tenants: it keeps, per class, a heap of the accounts, whose order is corrected when an
entry gets to the top, and not when an account is charged.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import islice
from math import inf
from typing import Final, NamedTuple

from s3edge.config.qos import Priority
from s3edge.qos.account import Account
from s3edge.qos.shedding import INTERVAL, TARGET, Shedding

# Seconds. A quarter of the time that a request waits by default, so that some of those whose class is held back
# altogether are served in time. Two turns a second for a class do the others no harm.
AGEING: Final = 0.5
# Entries refused by their own fault that one round looks at: it may be that each of thousands waits for the same node.
MOST_PASSED: Final = 32
# A heap may have this many dead items beside as many as there are live ones.
_SPARE: Final = 64
# Queues among which the longest is looked for. Those that have been there for longest come first.
_LOOKED_AT: Final = 64
LEVELS: Final = {priority: index for index, priority in enumerate(Priority)}
"""The classes by number, the highest first."""

_AGED: Final = -1.0


class Reply(Enum):
    """What becomes of an entry that is offered its turn."""

    TAKEN = auto()
    NOT_THIS = auto()  # there is nothing for this very entry; the next one is offered
    NOT_ITS_CLASS = auto()  # there is nothing for this class; the next class is offered
    NONE = auto()  # there is nothing left for anyone


class Rank(NamedTuple):
    """How near to its turn an entry is: the least is next, also among several lines with the same `VirtualTime`."""

    level: float
    virtual: float
    since: float


class Entry:
    """One that waits, to be subclassed: for `account`, with `priority`, until `deadline`, `since` it entered a line.

    It is served in time within `target` seconds.
    """

    __slots__ = ("account", "deadline", "is_waiting", "priority", "since", "target")

    def __init__(self, account: Account, priority: Priority, deadline: float = inf, *, target: float = TARGET) -> None:
        self.account = account
        self.priority = priority
        self.deadline = deadline
        self.target = target
        self.since = 0.0
        self.is_waiting = False


class _Queue:
    """The entries of one account in one class, in order; `item` is its valid one in the heap."""

    __slots__ = ("account", "entries", "item")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.entries: OrderedDict[Entry, None] = OrderedDict()
        self.item: _Item | None = None

    def first(self, passed: Container[Entry]) -> Entry | None:
        for entry in self.entries:
            if entry not in passed:
                return entry
        return None


# Virtual time of the account, `since` of its first entry, a number against ties, the queue.
_Item = tuple[float, float, int, _Queue]


class _Class:
    """The entries of one class; `count` of them."""

    __slots__ = ("_heap", "_longest", "_numbers", "_queues", "count", "good_until", "level", "unserved_since")

    def __init__(self, level: float) -> None:
        self.level = level
        self.count = 0
        self.good_until = 0.0  # up to when nobody of it is late, as far as the last ones that were served in time tell
        self.unserved_since = 0.0  # when one of it was last served, or nobody waited
        self._queues: dict[Account, _Queue] = {}
        self._heap: list[_Item] = []
        self._numbers = 0
        self._longest: _Queue | None = None  # that which was the longest when it last grew: no search for one to shed

    def add(self, entry: Entry, now: float) -> None:
        if not self.count:
            self.unserved_since = now
            self.good_until = now + entry.target
        self.count += 1
        account = entry.account
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = _Queue(account)
            self._push(queue, account.virtual, now)
        queue.entries[entry] = None
        if self._longest is not None and len(queue.entries) > len(self._longest.entries):
            self._longest = queue

    def remove(self, entry: Entry) -> None:
        self.count -= 1
        queue = self._queues[entry.account]
        del queue.entries[entry]
        if not queue.entries:
            queue.item = None
            del self._queues[entry.account]
            if self._longest is queue:
                self._longest = None

    def rank(self, now: float) -> Rank | None:
        """That of the next entry."""
        queue = self._next_queue()
        if queue is None or queue.item is None:
            return None
        level = _AGED if self.unserved_since <= now - AGEING else self.level
        return Rank(level, queue.item[0], queue.item[1])

    def first(self, passed: Container[Entry]) -> Entry | None:
        """The next entry of those not `passed`."""
        aside: list[_Item] = []
        entry = None
        while entry is None and (queue := self._next_queue()) is not None:
            entry = queue.first(passed)
            if entry is None:
                aside.append(heappop(self._heap))
        for item in aside:
            heappush(self._heap, item)
        return entry

    def newest(self) -> Entry:
        """The last entry of the account that has most of them: who asks for too much is sent away first."""
        return next(reversed(self.longest().entries))

    def longest(self) -> _Queue:
        """The queue of the account with the most entries, or nearly so: what asks for too much soon grows again."""
        if self._longest is None:
            self._longest = max(islice(self._queues.values(), _LOOKED_AT), key=lambda queue: len(queue.entries))
        return self._longest

    def waiting_of(self, account: Account) -> int:
        """The entries of one account."""
        queue = self._queues.get(account)
        return 0 if queue is None else len(queue.entries)

    def _next_queue(self) -> _Queue | None:
        """That of the next entry, now first in the heap."""
        heap = self._heap
        while heap:
            item = heap[0]
            queue = item[3]
            if queue.item is not item:
                heappop(heap)
                continue
            virtual = queue.account.virtual
            since = next(iter(queue.entries)).since
            if item[0] == virtual and item[1] == since:
                return queue
            heappop(heap)
            self._push(queue, virtual, since)
        return None

    def _push(self, queue: _Queue, virtual: float, since: float) -> None:
        self._numbers += 1
        queue.item = item = (virtual, since, self._numbers, queue)
        heappush(self._heap, item)
        if len(self._heap) > 2 * len(self._queues) + _SPARE:
            self._heap = [item for item in self._heap if item[3].item is item]
            heapify(self._heap)


class Line:
    """Those who wait for one thing. To add and serve takes 3 us for each of many, 5 us for one of 1,000.

    One that does not shed may stand for as long as each of its entries may wait: before a limit that was set on
    purpose, a line says nothing of the storage.
    """

    def __init__(self, *, sheds: bool = True) -> None:
        self._sheds = sheds
        self._classes = [_Class(float(index)) for index in range(len(Priority))]
        self._count = 0
        self._deadlines: list[tuple[float, int, Entry]] = []
        self._numbers = 0
        self._shedding = Shedding()

    def __len__(self) -> int:
        return self._count

    def add(self, entry: Entry, now: float) -> None:
        """`entry` waits from now on; it must not wait in any line yet."""
        entry.since = now
        entry.is_waiting = True
        self._count += 1
        if not entry.account.waiting:
            entry.account.begin_to_wait()
        entry.account.waiting += 1
        self._classes[LEVELS[entry.priority]].add(entry, now)
        if entry.deadline < inf:
            self._numbers += 1
            heappush(self._deadlines, (entry.deadline, self._numbers, entry))
            if len(self._deadlines) > 2 * self._count + _SPARE:
                self._deadlines = [item for item in self._deadlines if item[2].is_waiting]
                heapify(self._deadlines)

    def remove(self, entry: Entry) -> None:
        """`entry` waits no longer; nothing if it did not."""
        if entry.is_waiting:
            entry.is_waiting = False
            self._count -= 1
            entry.account.waiting -= 1
            self._classes[LEVELS[entry.priority]].remove(entry)

    @property
    def first_deadline(self) -> float:
        """No entry's deadline comes before; `inf` if none has one."""
        return self._deadlines[0][0] if self._deadlines else inf

    def rank(self, now: float) -> Rank | None:
        """That of the entry whose turn is next; None if nobody waits."""
        foremost = _foremost(self._classes, now)
        return None if foremost is None else foremost.rank(now)

    def serve(self, now: float, take: Callable[[Entry], Reply]) -> list[Entry]:
        """Offer the entries their turn, one after the other; return those that `take` took: they wait no longer.

        `take` must not change the line. So who is served is told after this, by the owner.
        """
        served: list[Entry] = []
        passed: set[Entry] = set()
        open_classes = self._classes.copy()
        while (its_class := _foremost(open_classes, now)) is not None:
            entry = its_class.first(passed)
            if entry is None:
                open_classes.remove(its_class)
                continue
            reply = take(entry)
            if reply is Reply.TAKEN:
                self._serve(entry, its_class, now)
                served.append(entry)
            elif reply is Reply.NOT_THIS and len(passed) < MOST_PASSED:
                passed.add(entry)
            elif reply is Reply.NONE:
                break
            else:
                open_classes.remove(its_class)
        return served

    def displace(self, entry: Entry) -> Entry | None:
        """Who leaves a full line so that `entry` may wait: now removed; None if `entry` itself must not wait.

        It is the newest of the lowest class. Within a class an account gives way to one with fewer entries: one tenant
        alone cannot fill the line.
        """
        priority = LEVELS[entry.priority]
        lowest = self._lowest()
        if lowest is None or lowest.level < priority:
            return None
        if lowest.level == priority and len(lowest.longest().entries) <= lowest.waiting_of(entry.account) + 1:
            return None
        displaced = lowest.newest()
        self.remove(displaced)
        return displaced

    def overdue(self, now: float) -> list[Entry]:
        """Those who are to be sent away, now removed: whose deadline has come, and whom a standing line sheds.

        A class stands if none of it was served in time, for an `INTERVAL` after one could first be late. Then
        the newest of the lowest class go, whichever class it is that stands: what they would get, the higher ones get.
        """
        overdue = self._past_deadline(now)
        is_standing = self._sheds and any(each.count and now >= each.good_until + INTERVAL for each in self._classes)
        for _ in range(self._shedding.due(is_standing, now)):
            lowest = self._lowest()
            if lowest is None:
                break
            entry = lowest.newest()
            self.remove(entry)
            overdue.append(entry)
        return overdue

    def _serve(self, entry: Entry, its_class: _Class, now: float) -> None:
        self.remove(entry)
        entry.account.be_served()
        its_class.unserved_since = now
        if now - entry.since < entry.target:
            its_class.good_until = max(its_class.good_until, now + entry.target)

    def _lowest(self) -> _Class | None:
        return next((each for each in reversed(self._classes) if each.count), None)

    def _past_deadline(self, now: float) -> list[Entry]:
        deadlines = self._deadlines
        past: list[Entry] = []
        while deadlines and deadlines[0][0] <= now:
            entry = heappop(deadlines)[2]
            if entry.is_waiting and entry.deadline <= now:
                self.remove(entry)
                past.append(entry)
        return past


def _foremost(classes: Iterable[_Class], now: float) -> _Class | None:
    """Of classes from high to low, the one whose turn is next: an aged one, or else the highest."""
    foremost: _Class | None = None
    oldest = now - AGEING
    for each in classes:
        if each.count:
            if each.unserved_since <= oldest:
                oldest = each.unserved_since
                foremost = each
            elif foremost is None:
                foremost = each
    return foremost
