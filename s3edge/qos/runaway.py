"""The runaway guard: which tenant or client address does far more than it usually does, and what it is held to.

A training job that loops over one key, retries without a pause or lists a bucket for each file means no harm and hurts
all the same. No fixed limit finds it: what is a storm for one source is another's working day. So each source is
compared with itself, what it did in the last seconds with its mean over the guard's `baseline`.

| the source      | consequence                                                                                 |
|-----------------|---------------------------------------------------------------------------------------------|
| jumps           | held to half of where the jump began, or to what it does if that is less (step 1)           |
| goes on         | to half of that, every three seconds; never to less than `least` requests per second        |
| is calm         | one step back, after each `hold` seconds                                                    |
| jumps once more | `hold` is twice as long, up to 16 times: who cannot stop swings ever less often             |

Requests that were shed are demand, too: a client that ignores SlowDown does not look calm. Nothing is learned of a
source while it is held, or what it does wrong would become its usual.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from math import exp
from typing import Final

from s3edge.config.qos import Guard, GuardMode
from s3edge.events import Event, SourceObserved, SourceReleased, SourceThrottled
from s3edge.qos.activity import MOST_SOURCES, Activity, Source
from s3edge.qos.jump import Rates, find_jump, first_cap, rates

# Ticks, of one second each, over which the present is taken: one alone can be a burst, or a report that came late.
WINDOW: Final = 3
# Seconds in which the guard only learns: after its start, when everybody is new to it, also who has long been at work;
# and of a source that the operator released, since what it does unheld is not known.
WARM_UP: Final = 60.0
# Seconds. Who comes once a week is still known.
FORGOTTEN_AFTER: Final = 8 * 86400.0
# How often `hold` is doubled at most, for a source that jumps whenever it is let go.
MOST_RELAPSES: Final = 4

# Seconds until a step shows in the present. Half a tick less, since ticks come a little early or late.
_STEP_TIME: Final = WINDOW - 0.5
_NOTHING: Final = Rates()
_OFF: Final = Guard(mode=GuardMode.OFF)


class SourceState(StrEnum):
    """What the guard does about a source."""

    NORMAL = "normal"
    OBSERVED = "observed"  # it has run away, and the guard may only say so
    THROTTLED = "throttled"
    PINNED = "pinned"  # the operator decides


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for a source from now on: at most `rate` requests and `bandwidth` sent bytes per second.

    None stands for no limit. `step` counts from 1 for a source that has run away, and is 0 for all others.
    """

    source: Source
    state: SourceState
    step: int
    rate: float | None
    bandwidth: float | None
    reason: str

    def event(self) -> Event:
        """The verdict as an event."""
        source = str(self.source)
        if self.state is SourceState.OBSERVED:
            return SourceObserved("", None, source, self.reason)
        if self.rate is None:
            return SourceReleased("", None, source, self.reason)
        return SourceThrottled("", None, source, self.rate, self.bandwidth, self.reason)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The present verdict on a source, the time `since` when it is in that state, its usual and its present rates.

    A source `is_new` until it was active for the guard's baseline.
    """

    verdict: Verdict
    since: float
    usual: Rates
    present: Rates
    is_new: bool


@dataclass(slots=True)
class _Hold:
    """A source that has run away; what step 1 holds it to, and how many seconds of calm (`patience`) a step takes."""

    rate: float
    bandwidth: float | None
    patience: float
    jumped: float  # when it last did too much
    changed: float  # when the step last changed
    step: int = 1


@dataclass(frozen=True, slots=True)
class _Pin:
    """The operator's word: the source is held to `rate`, or to nothing if that is None, up to the time `until`."""

    rate: float | None
    until: float | None


class _Record:
    """What is known of one source."""

    __slots__ = (
        "_hold",
        "_judged",
        "_learned",
        "_patience",
        "_pending",
        "_pin",
        "_quiet",
        "_reason",
        "_relapses",
        "_released",
        "_window",
        "active",
        "guard",
        "since",
        "source",
        "usual",
        "verdict",
    )

    def __init__(self, source: Source, guard: Guard, now: float, judged: float) -> None:
        self.source = source
        self.guard = guard
        self.usual = _NOTHING
        self.active = now  # when it last did something
        self.verdict = Verdict(source, SourceState.NORMAL, 0, None, None, "")
        self.since = now
        self._pending: Activity | None = None
        self._window = deque([_NOTHING] * WINDOW, maxlen=WINDOW)
        self._quiet = 0  # ticks without activity
        self._learned = 0.0  # seconds of activity in `usual`
        self._judged = judged  # from when on; until then the guard only learns
        self._hold: _Hold | None = None
        self._pin: _Pin | None = None
        self._reason = ""
        self._released = 0.0  # when it was last let go
        self._patience = 0.0  # of the hold that ended then
        self._relapses = 0

    @property
    def present(self) -> Rates:
        """The mean of the window."""
        return Rates(*(sum(column) / WINDOW for column in zip(*self._window, strict=True)))

    @property
    def is_new(self) -> bool:
        return self._learned < self.guard.baseline

    @property
    def is_free(self) -> bool:
        """Whether it is held to nothing and nobody waits to hear of it, so that it may be forgotten."""
        return self.verdict.state is SourceState.NORMAL and self._pin is None

    @property
    def is_asleep(self) -> bool:
        """Whether a tick would change nothing."""
        return self._pending is None and self._quiet > WINDOW and self.is_free

    def status(self) -> SourceStatus:
        return SourceStatus(self.verdict, self.since, self.usual, self.present, self.is_new)

    def add(self, activity: Activity, guard: Guard, now: float) -> None:
        self.guard = guard
        self.active = now
        if self._pending is None:
            self._pending = activity
        else:
            self._pending.merge(activity)

    def pin(self, pin: _Pin) -> None:
        self._pin, self._hold = pin, None
        self._reason = "pinned by the operator"

    def release(self, now: float) -> None:
        self._pin, self._hold = None, None
        self._reason = "released by the operator"
        self._learned, self._judged = 0.0, now + WARM_UP

    def tick(self, seconds: float, now: float) -> Verdict | None:
        """So many seconds are over: the new verdict, if it is another one."""
        self._advance(seconds)
        if self._pin is not None:
            if self._pin.until is not None and now >= self._pin.until:
                self._pin, self._reason = None, "the operator's pin is over"
        elif self.guard.mode is GuardMode.OFF:
            self._hold, self._reason = None, "the guard is off"
        elif now >= self._judged:
            self._judge(now)
        return self._settle(now)

    def _advance(self, seconds: float) -> None:
        """Move the window. Learned is only what leaves it: by then it is known whether it was the start of a jump.

        Seconds without any activity are not learned: the usual is what a source does when it does something, and a job
        that rests for an hour does not jump when it goes on.
        """
        newest = _NOTHING if self._pending is None else rates(self._pending, seconds)
        self._quiet = 0 if self._pending is not None else self._quiet + 1
        self._pending = None
        oldest = self._window[0]
        self._window.append(newest)
        if oldest is _NOTHING or self.verdict.rate is not None:
            return
        self._learned += seconds
        # A plain mean at first, which then turns into an exponential one.
        share = max(1 - exp(-seconds / self.guard.baseline), seconds / self._learned)
        self.usual = Rates(*(usual + (rate - usual) * share for usual, rate in zip(self.usual, oldest, strict=True)))

    def _judge(self, now: float) -> None:
        present, hold = self.present, self._hold
        jump = find_jump(present, self.usual, self.guard, self.is_new)
        if hold is None:
            if jump is not None:
                self._reason = jump.reason
                self._hold = self._begin_hold(present, now)
        elif jump is not None:
            hold.jumped = now
            if now - hold.changed >= _STEP_TIME and self._can_tighten(hold):
                hold.step, hold.changed = hold.step + 1, now
                self._reason = jump.reason
        elif now - max(hold.jumped, hold.changed) >= hold.patience:
            hold.step, hold.changed = hold.step - 1, now
            self._reason = f"calm for {hold.patience:g} s"
            if not hold.step:
                self._hold, self._released, self._patience = None, now, hold.patience

    def _begin_hold(self, present: Rates, now: float) -> _Hold:
        """A hold; one that comes sooner after the last than that took to be calm is a relapse."""
        is_relapse = now - self._released < self._patience
        self._relapses = min(self._relapses + 1, MOST_RELAPSES) if is_relapse else 0
        patience = self.guard.hold * 2.0**self._relapses
        return _Hold(*first_cap(present, self.usual, self.guard, self.is_new), patience, now, now)

    def _can_tighten(self, hold: _Hold) -> bool:
        """Whether one more step changes anything."""
        return self.guard.mode is GuardMode.ENFORCE and self._cap(hold, hold.step + 1) != self._cap(hold, hold.step)

    def _cap(self, hold: _Hold, step: int) -> tuple[float, float | None]:
        """The requests and sent bytes per second of a step. At least the same part of both floors is left."""
        guard, share = self.guard, 0.5 ** (step - 1)
        least = guard.bandwidth * guard.least / guard.requests
        bandwidth = None if hold.bandwidth is None else max(least, hold.bandwidth * share)
        return max(guard.least, hold.rate * share), bandwidth

    def _settle(self, now: float) -> Verdict | None:
        verdict = self._verdict()
        old, self.verdict = self.verdict, verdict
        if verdict.state is not old.state:
            self.since = now
        return None if replace(verdict, reason=old.reason) == old else verdict

    def _verdict(self) -> Verdict:
        source, reason, hold = self.source, self._reason, self._hold
        if self._pin is not None:
            return Verdict(source, SourceState.PINNED, 0, self._pin.rate, None, reason)
        if hold is None:
            return Verdict(source, SourceState.NORMAL, 0, None, None, reason)
        if self.guard.mode is GuardMode.OBSERVE:
            return Verdict(source, SourceState.OBSERVED, hold.step, None, None, reason)
        return Verdict(source, SourceState.THROTTLED, hold.step, *self._cap(hold, hold.step), reason)


class Runaways:
    """The judge of all sources; it lives in the supervisor, beside the data path.

    `feed` takes what workers report, `tick` ends a second. At most `most` sources are known; a new one takes the place
    of the normal one that was silent for longest.
    """

    def __init__(self, now: float, most: int = MOST_SOURCES) -> None:
        self._most = most
        self._warm = now + WARM_UP
        self._ticked = now
        self._records: dict[Source, _Record] = {}  # in the order of their last activity

    def feed(self, source: Source, activity: Activity, guard: Guard, now: float) -> None:
        """A source did something in one worker, under this guard. The activity is kept and changed.

        To be told of a guard that was turned off, the judge must be fed with it once.
        """
        record = self._records.pop(source, None)
        if record is None:
            if guard.mode is GuardMode.OFF or not self._has_room():
                return
            record = _Record(source, guard, now, self._warm)
        self._records[source] = record
        record.add(activity, guard, now)

    def tick(self, now: float) -> list[Verdict]:
        """The verdicts that change, from what was fed since the last tick; to be called once a second."""
        seconds = now - self._ticked
        if seconds <= 0.0:
            return []
        self._ticked = now
        self._forget(now)
        verdicts = (record.tick(seconds, now) for record in self._records.values() if not record.is_asleep)
        return [verdict for verdict in verdicts if verdict is not None]

    def pin(self, source: Source, rate: float | None, now: float, until: float | None = None) -> None:
        """Hold a source to `rate` requests per second, or to nothing (None), whatever it does.

        That begins with the next tick, and ends at the time `until` or with `release`. A source that is not known yet
        can be pinned, too.
        """
        record = self._records.get(source)
        if record is None:
            record = self._records[source] = _Record(source, Guard(), now, self._warm)
        record.pin(_Pin(rate, until))

    def release(self, source: Source, now: float) -> None:
        """Let a source go with the next tick, whoever holds it; the guard then gets to know it anew.

        What it does in the next `WARM_UP` seconds counts as its usual.
        """
        record = self._records.get(source)
        if record is not None:
            record.release(now)

    def keep(self, guards: Iterable[Guard]) -> None:
        """Only these guards are in force from now on. Whom another one holds is let go with the next tick."""
        kept = set(guards)
        for record in self._records.values():
            if record.guard not in kept:
                record.guard = _OFF

    def status(self, source: Source) -> SourceStatus | None:
        """What is known of a source; None if nothing is."""
        record = self._records.get(source)
        return None if record is None else record.status()

    def statuses(self) -> Iterator[SourceStatus]:
        """What is known of all sources, those last that were active last."""
        return (record.status() for record in self._records.values())

    def _has_room(self) -> bool:
        """Whether one more source can be known; the normal one that was silent for longest makes room for it."""
        if len(self._records) < self._most:
            return True
        free = next((source for source, record in self._records.items() if record.is_free), None)
        if free is None:
            return False
        del self._records[free]
        return True

    def _forget(self, now: float) -> None:
        idle = takewhile(lambda record: now - record.active >= FORGOTTEN_AFTER, self._records.values())
        for record in [record for record in idle if record.is_free]:
            del self._records[record.source]
