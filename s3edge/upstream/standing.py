"""How one node stands with this worker: what live traffic has shown of it, and what it is therefore sent.

Facts come in from attempts; `health` judges them; what follows for the choice among nodes is written on the `Node`.
"""

from collections.abc import Callable, Sequence
from math import inf

from s3edge.config.health import Ejection
from s3edge.config.qos import ADAPTIVE, Priority
from s3edge.events import Event, NodeEjected, NodeProbed, NodeReturned, NodeThrottled, NodeUnthrottled
from s3edge.health.breaker import Breaker, Signal, State
from s3edge.health.outliers import Record
from s3edge.health.slow_start import factor
from s3edge.qos.concurrency import LEAST_RESERVE, AdaptiveLimit, reserve
from s3edge.qos.line import LEVELS
from s3edge.resilience.throttle import Throttle
from s3edge.routing.node import Node
from s3edge.telemetry.families import TIMES
from s3edge.telemetry.histogram import Histogram
from s3edge.transport.pacing import Link
from s3edge.upstream.pool import Pool
from s3edge.upstream.tabs import Tabs

# What a failed attempt counts as, so that fast errors do not look like a fast node: so many times what the node took of
# late, within these bounds (seconds to the first byte).
PENALTY = 10.0
LEAST_PENALTY, MOST_PENALTY = 0.1, 1.0
# A node that never served more than this many requests a second is throttled from here on, not from nothing.
LEAST_RATE = 10.0
# Seconds: a rate of less time would be that of a burst.
SHORTEST = 0.1

_UPWARDS = tuple(reversed(Priority))


def fits(busy: Sequence[int], most: float, priority: Priority) -> bool:
    """Whether one more of a class may be under way, where `busy` are and `most` may be, of all classes together."""
    return sum(busy[LEVELS[priority] :]) < reserve(most, priority)


def excess(busy: Sequence[int], most: float, priority: Priority) -> float:
    """How many of the classes below `priority` are under way beyond what they may fill: left from a higher limit."""
    kept = 0.0
    for each in _UPWARDS:
        if each is priority:
            break
        kept = min(kept + busy[LEVELS[each]], reserve(most, each))
    return sum(busy[LEVELS[priority] + 1 :]) - kept


class Standing:
    """One node's standing. Times are seconds of the loop's clock.

    `is_watched` tells that good answers matter beyond their counts, since the node is being tried or throttled;
    `is_trial_due`, that one request may try the ejected node. `may_eject` is asked whether the cluster can spare it,
    `changed` is called when the node may, or may not any more, be chosen.

    Where attempts at a time are limited, `room_made` is called when one has ended, and `adaptive` is the limit that is
    being found out, if it is. `busy` are the attempts that count there, by the classes of priority, `answering` those
    of them whose answers have begun. `link` is its bandwidth, if that is limited. `tabs` say what each tenant has had
    of its cluster. `first_byte` counts how soon good answers began, in seconds.
    """

    __slots__ = (
        "_changed",
        "_emit",
        "_goods_then",
        "_looked_at",
        "_may_eject",
        "_most",
        "_rate",
        "_settings",
        "_share",
        "_slow_start",
        "_started",
        "adaptive",
        "answering",
        "breaker",
        "busy",
        "first_byte",
        "is_trial_due",
        "is_watched",
        "link",
        "node",
        "pool",
        "record",
        "room_made",
        "tabs",
        "throttle",
    )

    def __init__(
        self,
        pool: Pool,
        tabs: Tabs,
        settings: Ejection,
        slow_start: float,
        may_eject: Callable[[], bool],
        changed: Callable[[], None],
        emit: Callable[[Event], None],
    ) -> None:
        self.pool = pool
        self.node: Node = pool.node
        self.record = Record()
        self.first_byte = Histogram(TIMES)
        self.breaker = Breaker()
        self.throttle: Throttle | None = None
        self.adaptive: AdaptiveLimit | None = None
        self.room_made: Callable[[], None] | None = None
        self.busy = [0] * len(Priority)
        self.answering = 0
        self.link: Link | None = None
        self.tabs = tabs
        self._most = inf  # attempts at a time
        self.is_watched = False
        self.is_trial_due = False
        self._rate = 0.0  # good answers a second, as of the last look
        self._looked_at = 0.0
        self._goods_then = 0.0
        self._settings = settings
        self._share = 1.0
        self._slow_start = slow_start
        self._started: float | None = None  # when its slow start began
        self._may_eject = may_eject
        self._changed = changed
        self._emit = emit

    @property
    def is_drained(self) -> bool:
        """Whether an operator, or the node itself, wants it to get nothing at all."""
        return self._share == 0

    @property
    def throttle_rate(self) -> float:
        """The attempts a second that it is held to; 0 if it is not."""
        return 0.0 if self.throttle is None else self.throttle.rate

    def set_capacity(self, concurrency: int | str | None, room_made: Callable[[], None] | None, now: float) -> None:
        """How many attempts at a time it can take from now on: a number, None for any, or what is found out."""
        self.room_made = room_made
        self._most = concurrency if isinstance(concurrency, int) else inf
        if concurrency != ADAPTIVE:
            self.adaptive = None
        elif self.adaptive is None:
            self.adaptive = AdaptiveLimit(now)

    def set_most(self, most: int) -> None:
        """This worker may have so many attempts under way there, of those that its capacity allows to all workers."""
        self._most = most

    @property
    def most(self) -> float:
        """The attempts that it can take at a time."""
        return self._most if self.adaptive is None else self.adaptive.limit

    def has_room(self, priority: Priority, now: float) -> bool:
        """Whether another attempt for a request of this priority may go there now."""
        if self.throttle is not None and self.throttle.delay(now):
            return False
        if self.link is not None and self.link.delay(now):
            return False
        most, inflight = self._most if self.adaptive is None else self.adaptive.limit, self.node.inflight
        if inflight < most * LEAST_RESERVE:  # then there is room for each class
            return True
        if inflight < most:
            return fits(self.busy, most, priority)
        if self.adaptive is None:
            return False
        # The limit has fallen, and bodies may take seconds to end: they must not fill what is kept free of them.
        beyond = excess(self.busy, most, priority)
        return inflight < most + beyond and sum(self.busy[LEVELS[priority] :]) < reserve(most, priority) + beyond

    def was_late(self, began: float, now: float) -> None:
        """The attempt that began at `began` has waited for much longer than usual."""
        if self.adaptive is not None:
            self.adaptive.late(now - began, self.answering, now)

    def turned(self, is_up: bool, share: float, now: float) -> None:
        """Probes or an operator say whether it is up, and which share of its weight it can take."""
        if is_up and not self.node.is_up:
            self._begin_anew(now)
        self.node.is_up = is_up
        self._share = share
        self._weigh(now)
        self._changed()

    def answered(self, began: float, now: float) -> None:
        """The read that began at `began` brought an answer to be passed on."""
        seconds = now - began
        self.record.good(seconds)
        self.first_byte.observe(seconds)
        node = self.node
        if now != node.latency_at or seconds > node.latency:  # else it would change nothing
            node.observe(seconds, now)
        if self.adaptive is not None:
            self.adaptive.observed(seconds, node.inflight, now)
        if self.is_watched:
            self._watch_answer(began, now)

    def answered_write(self, began: float, now: float, whole_at: float = 0.0) -> None:
        """Anything else did, which was all sent at `whole_at`; before that it took as long as its client.

        Nothing is concluded from its time: what a write takes depends on what is to be done for it.
        """
        self.record.good_write()
        self.first_byte.observe(now - max(began, whole_at))
        if self.is_watched:
            self._watch_answer(began, now)

    def _watch_answer(self, began: float, now: float) -> None:
        if self.throttle is not None:
            self.throttle.answered(now)
        if self.breaker.is_decided_by(began):
            self._signal(Signal.GOOD, now)

    def failed(self, began: float, now: float, reason: str, *, had_begun: bool = False) -> None:
        """The attempt failed by the node's fault, or has waited too long; `reason` is for the operator.

        `had_begun` tells that its first byte had come.
        """
        self.record.bad()
        penalty = min(MOST_PENALTY, max(LEAST_PENALTY, PENALTY * self.node.expected(now)))
        self.node.observe(penalty if had_begun else max(now - began, penalty), now)
        if self.breaker.is_decided_by(began):
            self._signal(Signal.BAD, now, reason)
        elif self.record.streak >= self._settings.failures:
            self.accuse(f"{self.record.streak} failures in a row, the last: {reason}", now)

    def slowed(self, began: float, now: float) -> None:
        """The attempt was answered by SlowDown: the node lives, and wants less traffic."""
        if self.throttle is None:
            self.throttle = Throttle(now, max(self._rate, self._rate_since_look(now), LEAST_RATE))
            self._look_around()
            self._emit(NodeThrottled(self.node.name, None, self.throttle.rate))
            self._changed()
        self.throttle.slowed(now)
        if self.adaptive is not None:
            self.adaptive.slowed(now)
        if self.breaker.is_decided_by(began):
            self._signal(Signal.GOOD, now)

    def left(self, began: float, now: float) -> None:
        """The attempt ended without saying anything of the node."""
        if self.breaker.is_decided_by(began):
            self._signal(Signal.LEFT, now)

    def accuse(self, reason: str, now: float) -> None:
        """Eject it, if the cluster can spare it."""
        if self.breaker.state is State.CLOSED and self._may_eject():
            self._signal(Signal.TRIPPED, now, reason)

    def try_out(self, now: float) -> None:
        """One request tries the ejected node; no other does until that has ended."""
        self._signal(Signal.TRIED, now)

    def look(self, now: float) -> bool:
        """Do what time brings: let an ejected node be tried, give more weight, lift a throttle.

        False if another look would find nothing new unless the node gets requests meanwhile.
        """
        self._rate = self._rate_since_look(now)
        self._looked_at, self._goods_then = now, self.record.goods
        if self.breaker.state is State.OPEN and not self.is_trial_due and self.breaker.may_try(now):
            self.is_trial_due = True
            self._changed()
        if self._started is not None:
            self._weigh(now)
        if self.throttle is not None and not self.throttle.is_needed(now):
            self.throttle = None
            self._look_around()
            self._emit(NodeUnthrottled(self.node.name, None))
            self._changed()
        return self.node.inflight > 0 or self._rate > 0 or self.is_watched or self._started is not None

    def fade(self) -> None:
        """A second is over; see `Record`."""
        self.record.fade()
        self._goods_then = self.record.goods

    def delay(self, now: float) -> float:
        """Seconds until it may be sent another request; 0: now."""
        return 0.0 if self.throttle is None else self.throttle.delay(now)

    def _signal(self, signal: Signal, now: float, reason: str = "") -> None:
        """Move the breaker, write on the node what follows, and tell who must know."""
        before, self.breaker = self.breaker.state, self.breaker.after(signal, now, self._settings)
        state = self.breaker.state
        if state is before:
            return
        self.is_trial_due = False
        self.node.is_ejected = state is not State.CLOSED
        self._look_around()
        name = self.node.name
        if state is State.PROBING:
            self._emit(NodeProbed(name, None))
        elif state is State.CLOSED:
            self._begin_anew(now)
            self._emit(NodeReturned(name, None))
        elif signal is not Signal.LEFT:
            self.record.streak = 0
            self._emit(NodeEjected(name, None, reason, self.breaker.until - now))
        self._changed()

    def _begin_anew(self, now: float) -> None:
        """It is back, and what it did before says nothing: only its slow start holds it back."""
        self.record.forget()
        self._goods_then = 0.0
        self.node.latency = 0.0
        self._started = now
        self._weigh(now)

    def _weigh(self, now: float) -> None:
        """Set the node's weight for the moment."""
        part = 1.0
        if self._started is not None:
            part = factor(now - self._started, self._slow_start)
            if part == 1.0:
                self._started = None
        self.node.weight = self.node.base_weight * (self._share or 1.0) * part

    def _rate_since_look(self, now: float) -> float:
        """Good answers a second since the last look; of a shorter time than `SHORTEST`, as if it had taken that."""
        return (self.record.goods - self._goods_then) / max(now - self._looked_at, SHORTEST)

    def _look_around(self) -> None:
        self.is_watched = self.throttle is not None or self.breaker.state is not State.CLOSED
