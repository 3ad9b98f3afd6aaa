"""Who waits for a place at the nodes of a cluster, while these can take no more, and in which order they get one."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from s3edge.config.policy import Balance
from s3edge.config.qos import Priority
from s3edge.config.resilience import Queue
from s3edge.qos.line import LEVELS, Entry, Line, Rank, Reply
from s3edge.qos.shedding import target
from s3edge.routing.node import Node
from s3edge.transport.wheel import TICK
from s3edge.upstream.standing import Standing
from s3edge.upstream.tabs import Tab, Tabs


class Choice(NamedTuple):
    """What `Cluster.pick` is asked: by which rule, not among which nodes, for which key.

    `is_safe` says that a node which failed before may be tried with it.
    """

    balance: Balance
    tried: Collection[Node]
    key: bytes
    is_safe: bool


@dataclass(slots=True)
class Caller:
    """For whom a place is asked: a tenant, its priority and weight by the policy, and how long it may wait.

    `prepaid` is what it was charged for the place, in bytes, to be given back when the body is charged.
    """

    tenant: str
    priority: Priority
    weight: float
    queue: Queue
    prepaid: float = 0.0


class FullError(Exception):
    """No node of the cluster could take the request in time; says why."""


class _Waiting(Entry):
    """A request that waits for a place; `turn` gets the node."""

    __slots__ = ("caller", "choice", "tab", "turn")

    def __init__(self, tab: Tab, caller: Caller, choice: Choice) -> None:
        super().__init__(tab.account, caller.priority, target=target(caller.queue.wait))
        self.tab = tab
        self.caller = caller
        self.choice = choice
        self.turn: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()


class Places:
    """The places of one cluster; `asked` counts the requests for which none was free at once.

    `find` takes a place at a node that has room for a choice and a priority, None if none has; `opens` tells in how
    many seconds time alone will make room, for those who have not tried these nodes.
    """

    def __init__(
        self,
        find: Callable[[Choice, Priority], Standing | None],
        opens: Callable[[list[Choice]], float],
        now: Callable[[], float],
        tabs: Tabs,
    ) -> None:
        self._find = find
        self._opens = opens
        self._now = now
        self._line = Line()
        self._waiting: dict[_Waiting, None] = {}
        self._picky = 0  # those who have tried a node
        self.asked = 0
        self._tabs = tabs
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._line)

    def at_once(self, choice: Choice, priority: Priority) -> Standing | None:
        """A node that has room now, unless somebody waits who goes before; its place is not yet taken."""
        if len(self._line) > self._picky:  # who has tried nodes waits for what others do not want
            best = self._line.rank(self._now())
            if best is not None and best.level <= LEVELS[priority]:
                return None
        link = self._tabs.link
        if link is not None and link.is_wanted(self._now(), LEVELS[priority], besides=self):
            return None  # bodies that are on their way wait, too: by rank it is decided who is next
        return self._find(choice, priority)

    async def wait(self, choice: Choice, caller: Caller, limit: float) -> Standing:
        """A node, after waiting in the line for `limit` seconds at most. Raises `FullError`."""
        self.asked += 1
        tab = self._tabs.tab(caller.tenant)
        tab.account.weight = caller.weight
        entry = _Waiting(tab, caller, choice)
        self._enter(entry, caller.queue)
        self.go_on()
        wait = min(caller.queue.wait, limit)
        try:
            async with asyncio.timeout(wait):
                await entry.turn
        except TimeoutError:
            if not entry.turn.done() or entry.turn.cancelled():  # else it came in the same moment
                raise FullError(f"no node could take it within {wait:g} s") from None
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_soon(self.go_on)  # its place, if it had one, is free again
            raise
        finally:
            self._leave(entry)
        return entry.turn.result()

    def go_on(self) -> None:
        """Something has changed: give places to those whose turn it is, as far as there are any."""
        if not len(self._line):
            return
        now = self._now()
        self._send_away(now)
        link = self._tabs.link
        if link is None or not (link.delay(now) or link.is_wanted(now, besides=self)):
            self._serve(now, inf)
        if link is not None and len(self._line):
            link.wake()
        self._wait_for_room()

    def has_waiting(self) -> bool:
        """See `pacing.Contender`."""
        return len(self._line) > 0

    def rank(self, now: float) -> Rank | None:
        """See `pacing.Contender`."""
        return self._line.rank(now)

    def serve(self, now: float) -> bool:
        """See `pacing.Contender`."""
        return self._serve(now, 1) > 0

    def _serve(self, now: float, most: float) -> int:
        """Give places to so many; to how many."""
        left = most

        def offer(entry: Entry) -> Reply:
            nonlocal left
            if left <= 0 or (self._tabs.link is not None and self._tabs.link.delay(now)):
                return Reply.NONE
            reply = self._offer(entry, now)
            left -= reply is Reply.TAKEN
            return reply

        served = self._line.serve(now, offer)
        for entry in served:
            assert isinstance(entry, _Waiting)
            self._forget(entry)
        return len(served)

    def close(self) -> None:
        """Serve nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enter(self, entry: _Waiting, queue: Queue) -> None:
        if len(self._line) >= queue.length:
            displaced = self._line.displace(entry) if queue.length else None
            if displaced is None:
                raise FullError(f"{len(self._line)} requests wait already")
            assert isinstance(displaced, _Waiting)
            self._forget(displaced)
            self._refuse(displaced, "requests of a higher priority wait")
        self._waiting[entry] = None
        self._tabs.is_contended = True
        self._picky += bool(entry.choice.tried)
        self._line.add(entry, self._now())

    def _leave(self, entry: _Waiting) -> None:
        """It waits no longer. A place that was kept for it is its attempt's from now on, or free again."""
        if entry.is_waiting:
            self._line.remove(entry)
            self._forget(entry)
        elif entry.turn.done() and not entry.turn.cancelled() and entry.turn.exception() is None:
            standing = entry.turn.result()
            standing.node.inflight -= 1
            standing.busy[LEVELS[entry.priority]] -= 1

    def _forget(self, entry: _Waiting) -> None:
        del self._waiting[entry]
        self._tabs.is_contended = bool(self._waiting)
        self._picky -= bool(entry.choice.tried)

    def _offer(self, entry: Entry, now: float) -> Reply:
        assert isinstance(entry, _Waiting)
        if entry.turn.done():
            return Reply.TAKEN  # who waited for it leaves in this very moment
        standing = self._find(entry.choice, entry.priority)
        if standing is None:
            return Reply.NOT_THIS if entry.choice.tried else Reply.NOT_ITS_CLASS
        standing.node.inflight += 1  # kept for it until its attempt begins
        standing.busy[LEVELS[entry.priority]] += 1
        entry.caller.prepaid = self._tabs.prepay(entry.tab, now)
        entry.turn.set_result(standing)
        return Reply.TAKEN

    def _send_away(self, now: float) -> None:
        for entry in self._line.overdue(now):
            assert isinstance(entry, _Waiting)
            self._forget(entry)
            self._refuse(entry, "requests wait for too long")

    def _refuse(self, entry: _Waiting, reason: str) -> None:
        if not entry.turn.done():
            entry.turn.set_exception(FullError(reason))

    def _wait_for_room(self) -> None:
        """Be called when time has made room; who leaves makes room, too."""
        if self._timer is None and len(self._line):
            delay = min(self._opens([entry.choice for entry in self._waiting]), TICK)
            self._timer = asyncio.get_running_loop().call_later(delay, self._come)

    def _come(self) -> None:
        self._timer = None
        self.go_on()
