"""When a body may move on: bytes are scheduled, not requests, so that a body of 64 MiB yields to a small one at once.

A body moves in quanta. Its `Flow` gets one after the other from the worker's `Pacer`: first past the caps, the limits
that it falls under, first come, first served; then over the links, the bandwidths of its node and cluster, in the order
of a `Line`: by priority, then by the shares of the tenants. The first quantum is there at once: it makes a debt, for
which those wait who want more. So a small body never waits in its middle, nor behind a large one.

What nothing paces has no flow. Where nobody waits there is no timer; else there is one, for all, at each fine tick.
"""

from collections.abc import Callable
from math import inf
from typing import Final, Protocol

from s3edge.config.qos import Priority
from s3edge.qos.account import Account
from s3edge.qos.bucket import Bucket
from s3edge.qos.line import Entry, Line, Rank, Reply
from s3edge.transport.wheel import FINE_TICK, Wheel

# A quantum is what the slowest rate brings in a tick, so that who waits for the debt waits for about one tick. A small
# body is whole in the least; and the most is what a pipe holds, and takes as long to move as other flows may wait.
LEAST_QUANTUM: Final = 64 * 1024
MOST_QUANTUM: Final = 1024 * 1024
# botocore gives up after 60 s without a byte, and so do many proxies: seconds, of which that has four, and bytes.
TRICKLE_EVERY: Final = 15.0
TRICKLE: Final = 16 * 1024
# What a link may catch up at once, in seconds of its rate: a loop that turns a few ticks too late loses nothing.
LINK_BURST: Final = 4 * FINE_TICK


class Contender(Protocol):
    """Some of those who wait for a link, in a line of their own."""

    def has_waiting(self) -> bool:
        """Whether anybody waits."""

    def rank(self, now: float) -> Rank | None:
        """That of whoever is next; None if nobody of them could be served now."""

    def serve(self, now: float) -> bool:
        """Serve whoever is next; whether that was possible."""


class Link:
    """The bandwidth of a node or of a cluster; made by `Pacer.link`.

    The link of a node is `within` that of its cluster, if both are limited. Who waits for the node then waits in the
    node's line; when the cluster can take more, the first of all its lines is next.
    """

    __slots__ = ("_line", "_pacer", "bucket", "contenders", "root", "within")

    def __init__(self, pacer: "Pacer", rate: float, within: "Link | None") -> None:
        self.bucket = Bucket(rate, LINK_BURST)
        self.within = within
        self.root = self if within is None else within
        self.contenders: list[Contender] = []
        self.root.contenders.append(self)
        self._line = Line()
        self._pacer = pacer

    def delay(self, now: float) -> float:
        """The seconds until the debt is paid, here and around; 0 if there is none."""
        own = self.bucket.delay(now)
        return own if self.within is None else max(own, self.within.bucket.delay(now))

    def charge(self, account: Account, size: float, now: float) -> None:
        """`size` body bytes of a tenant move over this link now, or are given back if they are less than 0."""
        self.bucket.take(size, now)
        if self.within is not None:
            self.within.bucket.take(size, now)
        account.charge(size)

    def change(self, rate: float, now: float) -> None:
        """Bring another `rate` from now on, in bytes per second."""
        self.bucket.change(rate, LINK_BURST, now)

    def close(self) -> None:
        """It limits no new flow any more; those that are on it move on over what is around."""
        self.bucket.change(inf, LINK_BURST, 0.0)
        if not self.has_waiting():
            self.root.contenders.remove(self)

    def is_wanted(self, now: float, level: float = inf, besides: Contender | None = None) -> bool:
        """Whether anybody waits of this class or a higher one, and could be served; see `Rank.level`."""
        if not self._pacer.is_awaited(self.root):
            return False
        ranks = (contender.rank(now) for contender in self.root.contenders if contender is not besides)
        return any(rank is not None and rank.level <= level for rank in ranks)

    def wake(self) -> None:
        """One of the contenders waits."""
        self._pacer.wake(self)

    def add(self, flow: "Flow", now: float) -> None:
        """`flow` waits for its next quantum."""
        self._line.add(flow, now)

    def remove(self, flow: "Flow") -> None:
        """`flow` waits no longer."""
        self._line.remove(flow)

    def has_waiting(self) -> bool:
        """See `Contender`."""
        return len(self._line) > 0

    def rank(self, now: float) -> Rank | None:
        """See `Contender`."""
        if not len(self._line) or self.bucket.delay(now):
            return None
        return self._line.rank(now)

    def serve(self, now: float) -> bool:
        """See `Contender`."""
        served: list[Flow] = []

        def take(entry: Entry) -> Reply:
            if served:
                return Reply.NONE
            assert isinstance(entry, Flow)
            served.append(entry)
            return Reply.TAKEN

        self._line.serve(now, take)
        for flow in served:
            self._pacer.arrived(flow, now)
        return bool(served)


class Flow(Entry):
    """What one body after the other asks before it moves more; made by `Pacer.flow`.

    `allowance` are the bytes that may move now. Who moves them counts them off, and may overdraw it by what was read
    already. `caps` are the buckets of the limits that it falls under, the widest last.
    """

    __slots__ = ("_pacer", "allowance", "asked", "cap", "caps", "go_on", "link")

    def __init__(
        self, pacer: "Pacer", account: Account, priority: Priority, caps: tuple[Bucket, ...], link: Link | None
    ) -> None:
        super().__init__(account, priority)
        self.caps = caps
        self.link = link
        self.allowance = 0
        self.asked = 0.0
        self.cap: Bucket | None = None  # the one that it waits for
        self.go_on: Callable[[], None] | None = None
        self._pacer = pacer

    @property
    def awaits_quantum(self) -> bool:
        """Whether the body must not move until it is told to go on."""
        return self.go_on is not None

    def begin(self) -> None:
        """Have the first quantum at once; it is charged now, so the body must be about to move."""
        self._pacer.begin(self)

    def ask(self, go_on: Callable[[], None]) -> bool:
        """Whether there is an allowance again; if not, `go_on` is called as soon as there is, whoever asks again."""
        if self.go_on is None:
            if self._pacer.place(self):
                return True
            self.go_on = go_on
        return False

    def leave(self) -> None:
        """Stop waiting and give back what is left. The body is over; if it goes on after all, it asks again."""
        self._pacer.withdraw(self)

    def change(self, account: Account, priority: Priority, caps: tuple[Bucket, ...], link: Link | None) -> None:
        """From now on fall under these limits and take this way: of a new configuration, or to another node."""
        go_on = self.go_on
        self.leave()
        self.account, self.priority, self.caps, self.link = account, priority, caps, link
        if go_on is not None and self.ask(go_on):
            go_on()


class Pacer:
    """Gives the flows of one worker their quanta: 10 to 20 us for each, however many wait."""

    def __init__(self, fine: Wheel) -> None:
        self._now = fine.now
        self._timer = fine.timer(self._tick)
        self._ticked = 0.0
        self._waiting: dict[Flow, None] = {}  # all that wait, in the order in which they asked
        self._queues: dict[Bucket, dict[Flow, None]] = {}  # cap -> those of them that wait for it, in order
        self._roots: dict[Link, None] = {}  # those that others wait for
        self._granted: list[Flow] = []

    def link(self, rate: float, within: Link | None = None) -> Link:
        """The bandwidth of a cluster, or of a node `within` that of its cluster; `rate` in bytes per second."""
        return Link(self, rate, within)

    def flow(self, account: Account, priority: Priority, caps: tuple[Bucket, ...], link: Link | None) -> Flow:
        """A flow with its first quantum, which is charged now; `leave` gives back what was not needed of it."""
        flow = Flow(self, account, priority, caps, link)
        flow.begin()
        return flow

    def begin(self, flow: Flow) -> None:
        """Give a flow that waits nowhere its first quantum."""
        self._grant(flow, LEAST_QUANTUM, self._now())

    def wake(self, link: Link) -> None:
        """Somebody waits for `link`, or in the line of one of its contenders."""
        self._roots[link.root] = None
        self._wait()

    def is_awaited(self, root: Link) -> bool:
        """Whether anybody may wait for a link, or in the line of one of its contenders."""
        return root in self._roots

    def close(self) -> None:
        """Give out no more quanta."""
        self._timer.drop()

    # What flows and links call.

    def place(self, flow: Flow) -> bool:
        """Whether a flow has its next quantum at once; else it stands where it has to wait."""
        now = self._now()
        cap = self._cap_before(flow, now, is_new=True)
        if cap is None and (flow.link is None or not (flow.link.delay(now) or flow.link.is_wanted(now))):
            self._grant(flow, _quantum(flow), now)
            return True
        flow.asked = now
        self._waiting[flow] = None
        self._queue(flow, cap, now)
        return False

    def arrived(self, flow: Flow, now: float) -> None:
        """It is a flow's turn on its link. Others may have used up a cap meanwhile: then that comes first again."""
        cap = self._cap_before(flow, now, is_new=False)
        if cap is None:
            self._grant(flow, _quantum(flow), now)
        else:
            self._queue(flow, cap, now)

    def withdraw(self, flow: Flow) -> None:
        """A flow waits no longer, and what it has left is given back; an overdraft is charged."""
        if flow in self._waiting:
            del self._waiting[flow]
            self._unqueue(flow)
        flow.go_on = None
        rest, flow.allowance = flow.allowance, 0
        if rest:
            _charge(flow, -rest, self._now())

    # Who waits.

    def _cap_before(self, flow: Flow, now: float, *, is_new: bool) -> Bucket | None:
        """The cap that a flow has to wait for next, if any; `is_new` if it has not waited for any yet.

        It goes behind those who wait already, but not once more where it has waited: then two caps would send it to
        and fro.
        """
        for cap in flow.caps:
            if cap.delay(now) or (is_new and cap in self._queues):
                return cap
            is_new = is_new or cap is flow.cap
        return None

    def _queue(self, flow: Flow, cap: Bucket | None, now: float) -> None:
        """Let a flow wait for `cap`, or else for its link."""
        flow.cap = cap
        if cap is not None:
            self._queues.setdefault(cap, {})[flow] = None
        elif flow.link is not None:
            flow.link.add(flow, now)
            self._roots[flow.link.root] = None
        self._wait()

    def _unqueue(self, flow: Flow) -> None:
        """Let a flow wait nowhere."""
        cap, flow.cap = flow.cap, None
        if cap is not None:
            queue = self._queues[cap]
            del queue[flow]
            if not queue:
                del self._queues[cap]
        elif flow.link is not None:
            flow.link.remove(flow)

    def _wait(self) -> None:
        if self._timer.due == inf:
            self._timer.set(0.0)

    # Who is served.

    def _tick(self) -> None:
        now = self._now()
        passed, self._ticked = now - self._ticked, now
        for cap in list(self._queues):
            self._serve_cap(cap, passed, now)
        for root in list(self._roots):
            self._serve_link(root, now)
        self._trickle(now)
        granted, self._granted = self._granted, []
        for flow in granted:
            go_on, flow.go_on = flow.go_on, None
            if go_on is not None and flow.allowance > 0:  # else it was withdrawn by one before it
                go_on()
        if self._queues or self._roots:
            self._wait()

    def _serve_cap(self, cap: Bucket, passed: float, now: float) -> None:
        """Let those who wait for `cap` go on: as much as it brought since the last tick, and no more than it has.

        Who goes on to wait for something else takes nothing from it yet. All would go on, only to come back.
        """
        queue = self._queues.get(cap, {})
        room = cap.rate * passed
        while queue and room > 0 and not cap.delay(now):
            flow = next(iter(queue))
            room -= _quantum(flow)
            after = self._cap_before(flow, now, is_new=False)
            self._unqueue(flow)
            if after is None and flow.link is None:
                self._grant(flow, _quantum(flow), now)
            else:
                self._queue(flow, after, now)

    def _serve_link(self, root: Link, now: float) -> None:
        """Serve those who wait for a link and what is within it, until its debt is there again."""
        refused: set[Contender] = set()
        while not root.bucket.delay(now):
            best, least = None, None
            for contender in root.contenders:
                rank = None if contender in refused else contender.rank(now)
                if rank is not None and (least is None or rank < least):
                    best, least = contender, rank
            if best is None:
                break
            if not best.serve(now):
                refused.add(best)
        if not any(contender.has_waiting() for contender in root.contenders):
            del self._roots[root]

    def _trickle(self, now: float) -> None:
        """Give a little to all who have waited for too long, whatever the debts are."""
        while self._waiting:
            flow = next(iter(self._waiting))
            if now - flow.asked < TRICKLE_EVERY:
                break
            self._unqueue(flow)
            self._grant(flow, TRICKLE, now)

    def _grant(self, flow: Flow, size: int, now: float) -> None:
        """Give a flow that waits nowhere `size` bytes, beyond those that it has overdrawn."""
        _charge(flow, size - flow.allowance, now)
        flow.allowance = size
        flow.cap = None
        if flow in self._waiting:
            del self._waiting[flow]
            self._granted.append(flow)


def _charge(flow: Flow, size: int, now: float) -> None:
    for cap in flow.caps:
        cap.take(size, now)
    if flow.link is not None:
        flow.link.charge(flow.account, size, now)


def _quantum(flow: Flow) -> int:
    rate = min((cap.rate for cap in flow.caps), default=inf)
    link = flow.link
    while link is not None:
        rate = min(rate, link.bucket.rate)
        link = link.within
    return int(min(max(rate * FINE_TICK, LEAST_QUANTUM), MOST_QUANTUM))
