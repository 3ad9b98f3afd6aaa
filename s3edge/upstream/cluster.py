"""A cluster as one worker uses it: which of its nodes takes the next attempt, and who waits while none can."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from math import inf
from random import Random
from typing import NamedTuple

from s3edge.config.health import WhenNoneIsUp
from s3edge.config.model import Cluster as ClusterConfig
from s3edge.config.policy import Balance
from s3edge.config.resilience import Queue
from s3edge.events import Event
from s3edge.health.outliers import may_eject, outliers
from s3edge.routing.balance import Balancer, balancer
from s3edge.routing.node import Node
from s3edge.routing.tiers import Rank, arrange
from s3edge.transport.wheel import TICK, Wheel
from s3edge.upstream.pool import Pool
from s3edge.upstream.standing import Standing

# The nodes are looked at for what time alone brings at each tick of the wheel, and compared after so many looks: each
# second (see `Record.fade`).
LOOKS_PER_COMPARISON = 4
# Seconds for which a node whose ejection is over waits for a request that another node could take over.
SAFE_FIRST = 1.0


class Choice(NamedTuple):
    """What `Cluster.pick` is asked: by which rule, not among which nodes, for which key.

    `is_safe` says that a node which failed before may be tried with it.
    """

    balance: Balance
    tried: Collection[Node]
    key: bytes
    is_safe: bool


class FullError(Exception):
    """No node of the cluster could take the request in time; says why."""


class Cluster:
    """The nodes of one cluster, in the order of the configuration; `zone` is the edge's own."""

    def __init__(
        self,
        config: ClusterConfig,
        pools: Sequence[Pool],
        zone: str | None,
        wheel: Wheel,
        rng: Random,
        emit: Callable[[Event], None],
    ) -> None:
        self.name = config.name
        self._ejection = config.ejection
        self._uses_all = config.health.when_none_is_up is WhenNoneIsUp.USE_ALL
        self._zone = zone
        self._random = rng.random
        self._now = wheel.now
        self._balancers: dict[Balance, Balancer] = {balance: balancer(balance, rng) for balance in Balance}
        self.standings = {
            pool.node: Standing(pool, config.ejection, config.health.slow_start, self._may_eject, self._arrange, emit)
            for pool in pools
        }
        self.nodes = tuple(self.standings)
        self.is_throttled = False
        self._ranks = arrange(self.nodes, zone)
        self._front: Rank = ()  # where most picks end: the first rank, while nothing else is to be thought of
        self._last_resort: tuple[Rank, ...] = ()
        self._trials: list[Standing] = []
        self._waiting: deque[tuple[Choice, asyncio.Future[Standing]]] = deque()
        self._opening: asyncio.TimerHandle | None = None
        self._is_idle = True
        self._looks = 0
        self._timer = wheel.timer(self._look)

    @property
    def inflight(self) -> int:
        """Attempts under way at all nodes."""
        return sum(node.inflight for node in self.nodes)

    @property
    def waiting(self) -> int:
        """Requests that wait for a node that can take them."""
        return len(self._waiting)

    def pick(self, balance: Balance, tried: Collection[Node], key: bytes, is_safe: bool, now: float) -> Standing | None:
        """Who takes the next attempt; None if no node that was not tried can be used. See `Choice`."""
        if self._front:
            node = self._balancers[balance].pick(self._front, tried, key, now)
            if node is not None:
                return self.standings[node]
        return self._pick_with_care(balance, tried, key, is_safe, now)

    async def place(self, choice: Choice, queue: Queue, limit: float = inf) -> Standing | None:
        """As `pick`, while nodes are throttled: waits its turn until one of them can take the attempt.

        Raises `FullError` when that takes longer than `queue` allows, or than `limit` seconds.
        """
        standing = self._try_out(choice.tried, choice.is_safe, self._now())
        if standing is None and all(waiting.tried for waiting, _ in self._waiting):
            # Nobody waits who could take any node: what has room now is not wanted by those who do.
            standing = self._pick_with_room(choice)
        if standing is not None or not self._has_other_than(choice.tried):
            return standing
        if len(self._waiting) >= queue.length:
            raise FullError(f"{len(self._waiting)} requests wait already")
        wait = min(queue.wait, limit)
        turn: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        entry = (choice, turn)
        self._waiting.append(entry)
        self._wait_for_room()
        try:
            async with asyncio.timeout(wait):
                return await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return turn.result()  # it came in the same moment
            raise FullError(f"no node could take it within {wait:g} s") from None
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def close(self) -> None:
        """Close the idle connections to all nodes, and look at them no longer."""
        self._timer.drop()
        if self._opening is not None:
            self._opening.cancel()
        for standing in self.standings.values():
            standing.pool.close()

    def _pick_with_care(
        self, balance: Balance, tried: Collection[Node], key: bytes, is_safe: bool, now: float
    ) -> Standing | None:
        if self._is_idle:
            self._is_idle = False
            self._timer.set(0.0)
            for rested in self.standings.values():
                rested.look(now)  # from now on it is counted what they take
            self._arrange()
        standing = self._try_out(tried, is_safe, now)
        if standing is not None:
            return standing
        for nodes in self._order():
            node = self._balancers[balance].pick(nodes, tried, key, now)
            if node is not None:
                return self.standings[node]
        return self._try_out(tried, True, now)

    def _order(self) -> tuple[Rank, ...]:
        """The ranks in the order in which the next request tries them."""
        ranks = self._ranks
        if ranks.is_spilling:
            return ranks.draw(self._random())
        return ranks.by_preference or self._last_resort

    def _try_out(self, tried: Collection[Node], is_safe: bool, now: float) -> Standing | None:
        """A node whose ejection is over, for the one attempt that tries it: any, if no safe one comes for a while."""
        for standing in self._trials:
            if standing.node not in tried and (is_safe or now - standing.breaker.until >= SAFE_FIRST):
                standing.try_out(now)
                return standing
        return None

    def _has_other_than(self, tried: Collection[Node]) -> bool:
        return any(node not in tried for nodes in self._order() for node in nodes)

    def _pick_with_room(self, choice: Choice) -> Standing | None:
        """A node that is not held back now, its place there taken; None if all are."""
        now = self._now()
        for nodes in self._order():
            free = [node for node in nodes if not self.standings[node].delay(now)]
            node = self._balancers[choice.balance].pick(free, choice.tried, choice.key, now)
            if node is not None:
                standing = self.standings[node]
                if standing.throttle is not None:
                    standing.throttle.take(now)
                return standing
        return None

    def _wait_for_room(self) -> None:
        """Be called when the first of the nodes can take another request, of those that somebody waits for."""
        if self._opening is None and self._waiting:
            now = self._now()
            delays = [
                self.standings[node].delay(now)
                for nodes in self._order()
                for node in nodes
                if any(node not in choice.tried for choice, _ in self._waiting)
            ]
            loop = asyncio.get_running_loop()
            self._opening = loop.call_at(now + min(delays, default=TICK), self._serve_waiting)

    def _serve_waiting(self) -> None:
        """Give places to those who wait, in order; who has tried all nodes that have room is passed over."""
        self._opening = None
        for entry in list(self._waiting):
            choice, turn = entry
            if turn.done():
                continue  # who waited for it has left in this very moment
            standing = self._pick_with_room(choice)
            if standing is not None:
                self._waiting.remove(entry)
                turn.set_result(standing)
            elif not choice.tried:
                break
        self._wait_for_room()

    def _arrange(self) -> None:
        """Take in that a node may, or may not any more, be chosen."""
        self._ranks = arrange(self.nodes, self._zone)
        standings = self.standings.values()
        if self._uses_all:
            self._last_resort = (tuple(standing.node for standing in standings if not standing.is_drained),)
        self._trials = [standing for standing in standings if standing.is_trial_due and standing.node.is_up]
        self.is_throttled = any(standing.throttle is not None for standing in standings)
        is_plain = not (self._is_idle or self._trials or self._ranks.is_spilling)
        self._front = self._ranks.by_preference[0] if is_plain and self._ranks.by_preference else ()

    def _may_eject(self) -> bool:
        out = sum(node.is_ejected or not node.is_up for node in self.nodes)
        return may_eject(len(self.nodes), out, self._ejection)

    def _look(self) -> None:
        """See to the nodes, as long as they get requests or anything else is going on."""
        now = self._now()
        is_active = False
        for standing in self.standings.values():
            is_active |= standing.look(now)
        if is_active:
            self._timer.set(0.0)
        else:
            self._is_idle = True
            self._arrange()
        self._looks += 1
        if self._looks % LOOKS_PER_COMPARISON == 0:
            self._compare(now)

    def _compare(self, now: float) -> None:
        """Look for nodes that do worse than their peers."""
        records = {standing: standing.record for standing in self.standings.values()}
        for standing, reason in outliers(records, self._ejection).items():
            standing.accuse(reason, now)
        for standing in records:
            standing.fade()
