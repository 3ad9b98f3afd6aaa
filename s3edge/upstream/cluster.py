"""A cluster as one worker uses it: which of its nodes takes the next attempt."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from math import inf
from random import Random

from s3edge.config.health import WhenNoneIsUp
from s3edge.config.model import Cluster as ClusterConfig
from s3edge.config.policy import Balance
from s3edge.config.qos import Capacity, Priority
from s3edge.events import Event
from s3edge.fleet.shared import even_part
from s3edge.health.outliers import may_eject, outliers
from s3edge.qos.concurrency import LEAST_RESERVE
from s3edge.qos.limiter import LEVELS
from s3edge.routing.balance import Balancer, balancer
from s3edge.routing.node import Node
from s3edge.routing.tiers import Rank, arrange
from s3edge.transport.pacing import Link, Pacer
from s3edge.transport.wheel import TICK, Wheel
from s3edge.upstream.leased import LeasedCapacity
from s3edge.upstream.places import Caller, Choice, Places
from s3edge.upstream.pool import Pool
from s3edge.upstream.standing import Standing, fits
from s3edge.upstream.tabs import Tabs

# The nodes are looked at for what time alone brings at each tick of the wheel, and compared after so many looks: each
# second (see `Record.fade`).
LOOKS_PER_COMPARISON = 4
# Seconds for which a node whose ejection is over waits for a request that another node could take over.
SAFE_FIRST = 1.0


class Cluster:
    """The nodes of one cluster, in the order of the configuration; `zone` is the edge's own.

    It is one of `workers` workers that ask these nodes; `leased` are the capacities that these hold together.
    """

    def __init__(
        self,
        config: ClusterConfig,
        pools: Sequence[Pool],
        zone: str | None,
        wheel: Wheel,
        pacer: Pacer,
        rng: Random,
        emit: Callable[[Event], None],
        workers: int = 1,
    ) -> None:
        self.name = config.name
        self._ejection = config.ejection
        self._uses_all = config.health.when_none_is_up is WhenNoneIsUp.USE_ALL
        self._zone = zone
        self._random = rng.random
        self._now = wheel.now
        self._pacer = pacer
        self._balancers: dict[Balance, Balancer] = {balance: balancer(balance, rng) for balance in Balance}
        self.tabs = Tabs()
        self.standings = {
            pool.node: Standing(
                pool, self.tabs, config.ejection, config.health.slow_start, self._may_eject, self._arrange, emit
            )
            for pool in pools
        }
        self.nodes = tuple(self.standings)
        self.is_throttled = self.is_limited = False
        self._ranks = arrange(self.nodes, zone)
        self._front: Rank = ()  # where most picks end: the first rank, while nothing else is to be thought of
        self._last_resort: tuple[Rank, ...] = ()
        self._trials: list[Standing] = []
        self._most: int | None = None  # attempts at a time
        self._capacity: Capacity | None = None
        self._has_capacity = False
        self._workers = workers
        self.link: Link | None = None
        self.places = Places(self._pick_with_room, self._opens, wheel.now, self.tabs)
        self._is_idle = True
        self._looks = 0
        self._timer = wheel.timer(self._look)
        self.set_capacity(config.capacity)

    @property
    def inflight(self) -> int:
        """Attempts under way at all nodes."""
        return sum(node.inflight for node in self.nodes)

    @property
    def waiting(self) -> int:
        """Requests that wait for a node that can take them."""
        return len(self.places)

    def set_capacity(self, capacity: Capacity) -> None:
        """What the cluster and its nodes can take from now on.

        If that is what it was, nothing changes: the parts that other workers lent each other are still in use.
        """
        if capacity == self._capacity:
            return
        self._capacity = capacity
        self._most = capacity.concurrency
        self._link(capacity)
        is_counted = self._most is not None or capacity.node.concurrency is not None
        self._has_capacity = is_counted or self.link is not None
        room_made = self.places.go_on if is_counted else None
        for standing in self.standings.values():
            standing.set_capacity(capacity.node.concurrency, room_made, self._now())
        self.leased = dict(self._lease(capacity))
        for part in self.leased.values():
            for dimension, whole in part.dimensions.items():
                part.lease(dimension, even_part(whole, dimension in LEVELS, self._workers), self._now())
        self._arrange()
        self.places.go_on()

    def _lease(self, capacity: Capacity) -> Iterator[tuple[str, LeasedCapacity]]:
        """What all workers hold together, by names that are the same in each."""

        if self._most is not None or self.link is not None:
            bucket = None if self.link is None else self.link.bucket
            name = f"cluster/{self.name}"
            yield name, LeasedCapacity(lambda: self.inflight, self.places, self._set_most, self._most, bucket)
        most = capacity.node.concurrency if isinstance(capacity.node.concurrency, int) else None
        for node, standing in self.standings.items():
            link = standing.link
            bucket = None if link is None or link is self.link else link.bucket
            if most is not None or bucket is not None:
                inflight, set_most = partial(getattr, node, "inflight"), partial(self._set_most_of, standing)
                yield f"node/{node.name}", LeasedCapacity(inflight, self.places, set_most, most, bucket)

    def _set_most(self, most: int) -> None:
        self._most = most
        self.places.go_on()

    def _set_most_of(self, standing: Standing, most: int) -> None:
        standing.set_most(most)
        self.places.go_on()

    def _link(self, capacity: Capacity) -> None:
        """State the bandwidths of the cluster and of its nodes; that of the cluster is at most that of all nodes."""
        each, rate = capacity.node.bandwidth, capacity.bandwidth
        if each is not None:
            rate = min(rate or inf, each * len(self.standings))
        if rate is None:
            self.link = None
        elif self.link is None:
            self.link = self._pacer.link(rate)
            self.link.contenders.append(self.places)
        else:
            self.link.change(rate, self._now())
        self.tabs.link = self.link
        for standing in self.standings.values():
            if each is None or self.link is None:
                if standing.link is not None and standing.link.within is not None:
                    standing.link.close()
                standing.link = self.link
            elif standing.link is None or standing.link is self.link:
                standing.link = self._pacer.link(each, self.link)
            else:
                standing.link.change(each, self._now())

    def pick(self, balance: Balance, tried: Collection[Node], key: bytes, is_safe: bool, now: float) -> Standing | None:
        """Who takes the next attempt; None if no node that was not tried can be used. See `Choice`."""
        if self._front:
            node = self._balancers[balance].pick(self._front, tried, key, now)
            if node is not None:
                return self.standings[node]
        return self._pick_with_care(balance, tried, key, is_safe, now)

    def place_now(self, choice: Choice, priority: Priority) -> Standing | None:
        """As `pick`, while not all nodes can take more: one that has room now, if nobody waits who goes before."""
        now = self._now()
        if self._is_idle:
            self._wake(now)
        standing = self._try_out(choice.tried, choice.is_safe, now)
        return self.places.at_once(choice, priority) if standing is None else standing

    async def place(self, choice: Choice, caller: Caller, limit: float = inf) -> Standing | None:
        """As `pick`, while not all nodes can take more: waits its turn until one of them has room.

        Raises `FullError` when that takes longer than the caller's queue allows, or than `limit` seconds.
        """
        standing = self.place_now(choice, caller.priority)
        if standing is not None or not self._has_other_than(choice.tried):
            return standing
        return await self.places.wait(choice, caller, limit)

    def close(self) -> None:
        """Close the idle connections to all nodes, and look at them no longer."""
        self._timer.drop()
        self.places.close()
        for standing in self.standings.values():
            standing.pool.close()

    def _pick_with_care(
        self, balance: Balance, tried: Collection[Node], key: bytes, is_safe: bool, now: float
    ) -> Standing | None:
        if self._is_idle:
            self._wake(now)
        standing = self._try_out(tried, is_safe, now)
        if standing is not None:
            return standing
        for nodes in self._order():
            node = self._balancers[balance].pick(nodes, tried, key, now)
            if node is not None:
                return self.standings[node]
        return self._try_out(tried, True, now)

    def _wake(self, now: float) -> None:
        """Requests come again: from now on it is counted what the nodes take."""
        self._is_idle = False
        self._timer.set(0.0)
        for rested in self.standings.values():
            rested.look(now)
        self._arrange()

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

    def _pick_with_room(self, choice: Choice, priority: Priority) -> Standing | None:
        """A node that has room for another attempt; None if none has."""
        now = self._now()
        if self._most is not None and not self._fits(self._most, priority):
            return None
        if self.link is not None and self.link.delay(now):
            return None
        if self._front and not self.is_throttled:  # most often the node that is picked has room
            node = self._balancers[choice.balance].pick(self._front, choice.tried, choice.key, now)
            if node is not None and self.standings[node].has_room(priority, now):
                return self.standings[node]
        for nodes in self._order():
            free = [node for node in nodes if self.standings[node].has_room(priority, now)]
            node = self._balancers[choice.balance].pick(free, choice.tried, choice.key, now)
            if node is not None:
                standing = self.standings[node]
                if standing.throttle is not None:
                    standing.throttle.take(now)
                return standing
        return None

    def _fits(self, most: int, priority: Priority) -> bool:
        """Whether the cluster as a whole can take one more attempt for a request of this priority."""
        inflight = self.inflight
        if inflight < most * LEAST_RESERVE:  # then there is room for each class
            return True
        busy = [sum(counts) for counts in zip(*(each.busy for each in self.standings.values()), strict=True)]
        return inflight < most and fits(busy, most, priority)

    def _opens(self, choices: Sequence[Choice]) -> float:
        """In how many seconds the first of the nodes is no longer held back by its rate, that somebody waits for."""
        now = self._now()
        delays = [
            self.standings[node].delay(now)
            for nodes in self._order()
            for node in nodes
            if any(node not in choice.tried for choice in choices)
        ]
        return min((delay for delay in delays if delay), default=TICK)

    def _arrange(self) -> None:
        """Take in that a node may, or may not any more, be chosen."""
        self._ranks = arrange(self.nodes, self._zone)
        standings = self.standings.values()
        if self._uses_all:
            self._last_resort = (tuple(standing.node for standing in standings if not standing.is_drained),)
        self._trials = [standing for standing in standings if standing.is_trial_due and standing.node.is_up]
        self.is_throttled = any(standing.throttle is not None for standing in standings)
        self.is_limited = self.is_throttled or self._has_capacity
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
