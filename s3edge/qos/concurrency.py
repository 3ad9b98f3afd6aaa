"""How many requests one node can take at a time, found out from its times to first byte.

A node that is sent more than it can work on lets requests queue, and that shows before the first byte of each answer,
whatever is the size of its body. The limit follows from the usual time to first byte, as in Netflix's
concurrency-limits (`Gradient2Limit`) and Envoy's adaptive concurrency filter. What both have to solve is how to know
the usual time: an average of the past takes a lasting queue for normal, and a least time of the past takes for a queue
that the objects asked for now lie on slower disks.

So it is tried out. Now and then, and whenever the limit had to fall to half, the times at half of the limit are
compared with those before. If fewer requests are not answered faster, the requests are not what makes the node slow,
and what is seen is its usual time.
"""

from math import exp, inf, log, sqrt
from typing import Final

from s3edge.config.qos import Priority

# Requests at a time. Envoy's is 3 (`min_concurrency`): with fewer nothing could be learned of a node.
LEAST: Final = 4.0
# Requests at a time; Envoy's `max_concurrency_limit`. It bounds what a node without any limit of its own is sent.
MOST: Final = 1000.0
# The times in a window are taken together: fewer than this would say more about chance than about the node.
LEAST_TIMES: Final = 10
# A window that decides nothing is left open until it has as many, which show a fifth more even of times that vary as
# much as exponential ones.
MOST_TIMES: Final = 100
# Standard errors by which times must differ to be taken for different: 95%.
SURE: Final = 2.0
# Twice as many for a single window to make the usual time shorter: of ten a second, 95% right is too few.
NEWS: Final = 2
# Seconds, the shortest window: long against the jitter of an event loop.
WINDOW: Final = 0.1
# Seconds added to each time to first byte: below this, it shows how busy the edge is and not the node.
NOISE: Final = 0.001
# Until a limit is first met it grows by this factor, so that it is met at half more than the node can work on at most.
SEARCH: Final = 1.5
# Times the usual time to first byte. Up to the first the limit grows, beyond the second it falls: for small objects,
# these are also times the requests that the node can work on. Between them is what windows differ by chance.
GROWS_BELOW: Final = 1.2
FALLS_ABOVE: Final = 1.4
# A limit falls by a fifth at most: a queue of a few requests behind large bodies looks like a long one.
MOST_FALL: Final = 0.8
# At half of the limit times count as no faster if they are not below this part: half as long a queue is more than that.
NO_FASTER: Final = 0.8
# Seconds between two trials of half of the limit, and at least so many times as long as the last one took: what the
# node could have taken meanwhile is at most half of 5%.
TRIAL_EVERY: Final = 30.0
TRIAL_SHARE: Final = 20.0
# Seconds to the next trial if a window or a trial has shown a usual time that is clearly shorter: some of it may still
# be a queue.
TRIAL_SOON: Final = 1.0
CLEARLY_SHORTER: Final = 0.9
# The share of one window in the usual time, where windows show it without a trial.
SMOOTHING: Final = 0.25

# A request that is late while at least this part of the limit is being answered waits for one of those to end: then the
# node works on just these. Of small objects hardly any is ever being answered, and one that is late says nothing.
FULL_OF_BODIES: Final = 0.5
# Seconds for which the limit does not grow after that, for the next try may make others wait as long.
CALM: Final = 5.0

# How much of a limit requests of a class and of those below it may fill together. Large bodies hold their places for
# seconds, so some are kept for those who must not wait: an interactive request finds one at once.
_MAY_FILL: Final = {Priority.INTERACTIVE: 1.0, Priority.NORMAL: 0.9, Priority.BACKGROUND: 0.75}

LEAST_RESERVE: Final = min(_MAY_FILL.values())
"""Up to this part of a limit, any class may fill it."""


def reserve(limit: float, priority: Priority) -> float:
    """How many requests at a time may be of this class or of lower ones, where `limit` may be of all; at least 1.

    Those of higher classes do not count: else a class would wait for as long as they keep the node busy.
    """
    return max(1.0, limit * _MAY_FILL[priority])


class AdaptiveLimit:
    """`limit`: how many requests a node should be sent at a time, between `floor` and `ceiling`.

    It only holds if the owner keeps to it: what `observed` (0.4 us) is told while more than that are under way says
    nothing and is left out.
    """

    __slots__ = (
        "_before", "_calm_until", "_count", "_is_met", "_is_searching", "_is_trial", "_most", "_since", "_slowed",
        "_squares", "_sum", "_trial_at", "_usual", "ceiling", "floor", "limit",
    )  # fmt: skip

    def __init__(self, now: float, floor: float = LEAST, ceiling: float = MOST) -> None:
        self.floor = floor
        self.ceiling = ceiling
        self.limit = floor  # what is measured first should be without a queue
        self._usual = 0.0  # the usual time to first byte; 0 is unknown
        self._is_searching = True  # no limit was met yet
        self._is_trial = False  # the limit is halved, to compare
        self._before = (inf, 0.0)  # the limit that was before a trial or a fall, and the time to first byte
        self._trial_at = 0.0  # when the next trial is due
        self._slowed = self._calm_until = -inf
        self._is_met = False  # a request was once late since the node was full
        self._most = 0  # under way in the window
        self._begin(now)

    def change(self, floor: float, ceiling: float) -> None:
        """Other bounds hold from now on."""
        self.floor = floor
        self.ceiling = ceiling
        self._set(self.limit)

    def observed(self, first_byte: float, inflight: int, now: float) -> None:
        """A request was answered `first_byte` seconds after it was sent; with it, `inflight` were under way."""
        if inflight > self.limit + 1:  # the limit has fallen, and what was sent before still makes others wait
            self._begin(now)
            return
        if now - first_byte < self._since:
            return
        time = log(first_byte + NOISE)
        self._count += 1
        self._sum += time
        self._squares += time * time
        self._most = max(self._most, inflight)
        if not self._count % LEAST_TIMES and now - self._since >= WINDOW:
            self._judge(now)

    def late(self, waited: float, answering: int, now: float) -> None:
        """A request has waited for `waited` seconds without a first byte, while `answering` others are being answered.

        Behind bodies of seconds a first byte that was waited for comes seconds late itself: too late to learn by.
        """
        if self._usual and waited > FALLS_ABOVE * self._usual and FULL_OF_BODIES * self.limit <= answering < self.limit:
            self._is_searching = self._is_trial = False
            self._is_met = True
            self._calm_until = now + CALM
            self._set(float(answering))
            self._begin(now)

    def slowed(self, now: float) -> None:
        """The node has refused a request with SlowDown; those of one window count once."""
        if now - self._slowed >= WINDOW:
            self._slowed = now
            self._is_searching = False
            self._set(self.limit * MOST_FALL)
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._since = now
        self._count = 0
        self._sum = 0.0
        self._squares = 0.0
        self._most = 0

    def _judge(self, now: float) -> None:
        """Take the times of the window together, and leave it open if they do not decide."""
        # The mean of the logarithms: a few long times say little, a part of the times that are longer says that.
        mean = self._sum / self._count
        time = exp(mean)
        variance = max(0.0, self._squares / self._count - mean * mean) / self._count
        sure = exp(SURE * sqrt(variance))
        if self._decide(time, sure, now) or self._count >= MOST_TIMES:
            self._begin(now)

    def _decide(self, time: float, sure: float, now: float) -> bool:
        """`time` is the time to first byte; what differs from it by less than a factor of `sure` may be equal."""
        if time * sure**NEWS < self._usual:  # it has become faster; how much of this is still a queue is tried out soon
            self._usual = time
            self._trial_at = min(self._trial_at, now + TRIAL_SOON)
        if not self._usual:
            self._usual = time
            self._trial_at = now + TRIAL_EVERY
            self._grow(1.0)
        elif self._is_trial:
            self._end_trial(time, sure, now)
        elif self._most <= self.limit / 2:
            self._usual *= (time / self._usual) ** SMOOTHING
            self._trial_at = now + TRIAL_EVERY
        elif time > FALLS_ABOVE * self._usual * sure:
            self._fall(time)
        elif now >= self._trial_at and self.limit > self.floor:
            self._is_trial = True
            self._before = (self.limit, time)
            self._trial_at = now
            self._set(self.limit / 2)
        else:
            self._before = (inf, 0.0)
            if time >= GROWS_BELOW * self._usual:
                self._is_searching = False
                return False
            if now >= self._calm_until:
                self._grow(time / self._usual)
        return True

    def _grow(self, ratio: float) -> None:
        """By its root, as Netflix and Envoy do, and the less the nearer it is; until it is first met, by `SEARCH`.

        Where overshooting was seen to make requests late, by one.
        """
        step = (1.0 if self._is_met else sqrt(self.limit)) * min(1.0, (GROWS_BELOW - ratio) / (GROWS_BELOW - 1))
        self._set(self.limit * SEARCH if self._is_searching else self.limit + step)

    def _fall(self, time: float) -> None:
        limit, before = self._before
        self._is_searching = False
        if limit == inf:
            self._before = (self.limit, time)
        elif self.limit > max(limit / 2, self.floor):
            self._before = (limit, max(before, time))  # a queue may still have been growing
        elif time < NO_FASTER * before:
            self._before = (self.limit, time)
        else:
            self._usual = time
            self._before = (inf, 0.0)
            self._set(limit)
            return
        self._set(self.limit * max(MOST_FALL, GROWS_BELOW * self._usual / time))

    def _end_trial(self, time: float, sure: float, now: float) -> None:
        limit, before = self._before
        was = self._usual
        if time * sure < was or time >= NO_FASTER * before:
            self._usual = time  # else it is no news, or it queues at half of the limit, too
        is_news = self._usual < CLEARLY_SHORTER * was
        self._is_trial = False
        self._trial_at = now + (TRIAL_SOON if is_news else max(TRIAL_EVERY, TRIAL_SHARE * (now - self._trial_at)))
        self._before = (inf, 0.0)
        self._set(limit)

    def _set(self, limit: float) -> None:
        self.limit = min(max(limit, self.floor), self.ceiling)
