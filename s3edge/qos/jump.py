"""Whether a source does far more than it usually does, and how that is said.

A jump is `factor` times the usual of one measure, and more than the floor of that measure, below which it hurts nobody.
A new source has no usual yet and is taken to do as much as the floors, so that a job may start.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from s3edge.config.qos import Guard
from s3edge.events import byte_rate_text, number_text
from s3edge.qos.activity import Activity

# What is more than half of all that a source does is the reason of its jump.
_MOSTLY: Final = 0.5
# Below this, `usual` says nothing that is worth a comparison.
_NONE: Final = 0.05


class Rates(NamedTuple):
    """What a source does, per second, in the words of `Activity`; `distinct` are different things asked for."""

    requests: float = 0.0
    received: float = 0.0
    sent: float = 0.0
    errors: float = 0.0
    missing: float = 0.0
    denied: float = 0.0
    failed: float = 0.0
    lists: float = 0.0
    connections: float = 0.0
    shed: float = 0.0
    distinct: float = 0.0

    @property
    def repeats(self) -> float:
        """Requests for what was asked for in the same second."""
        return self.requests - self.distinct

    @property
    def likely_errors(self) -> float:
        """Errors, if what was shed would have gone like the rest: a 404 loop is not over when it is shed."""
        served = self.requests - self.shed
        return self.errors * self.requests / served if served > 0 else self.errors

    @property
    def is_retry_storm(self) -> bool:
        """Whether most requests may be for what had just failed."""
        return min(self.repeats, self.errors + self.failed + self.shed) > _MOSTLY * self.requests


def rates(activity: Activity, seconds: float) -> Rates:
    """The rates of what was done in some seconds."""
    return Rates._make(count / seconds for count in (*activity.counts(), activity.distinct()))


class Jump(NamedTuple):
    """`strain` is how many times more the source does than it may, above 1; `reason` says what, in plain words."""

    strain: float
    reason: str


class Measure(NamedTuple):
    """One way to run away: what is measured, the floor, and how a figure is put into words."""

    figure: Callable[[Rates], float]
    floor: Callable[[Guard], float]
    text: Callable[[Rates, str], str]
    number: Callable[[float], str]

    def threshold(self, usual: Rates, guard: Guard, is_new: bool) -> float:
        """What the source may do per second by this measure before it is a jump."""
        usually, floor = self.figure(usual), self.floor(guard)
        return guard.factor * max(usually, floor) if is_new else max(guard.factor * usually, floor)

    def reason(self, present: Rates, usual: Rates, guard: Guard, is_new: bool) -> str:
        """Why this is a jump."""
        figure, usually, floor = self.figure(present), self.figure(usual), self.floor(guard)
        text = self.text(present, self.number(figure))
        if is_new and usually < floor:
            return f"{text} of a source that is new"
        if usually < _NONE:
            return f"{text}, usually none"
        return f"{text}, {number_text(figure / usually)} times its usual {self.number(usually)}"


def find_jump(present: Rates, usual: Rates, guard: Guard, is_new: bool) -> Jump | None:
    """The worst of all jumps that a source makes; None if it makes none.

    `present` are its rates of the last seconds, `usual` those it has as a rule, `is_new` says that little is known of
    the usual.
    """
    worst, strain = None, 1.0
    for measure in _MEASURES:
        figure = measure.figure(present)
        if figure > measure.floor(guard):
            times = figure / measure.threshold(usual, guard, is_new)
            if times > strain and (measure is not _REPEATS or figure >= guard.repeats * present.requests):
                worst, strain = measure, times
    return None if worst is None else Jump(strain, worst.reason(present, usual, guard, is_new))


def _requests_text(present: Rates, figure: str) -> str:
    return f"retry storm: {figure} requests/s" if present.is_retry_storm else f"{figure} requests/s"


def _repeats_text(present: Rates, figure: str) -> str:
    what = "retry storm" if present.is_retry_storm else "the same over and over"
    return f"{what}: {figure} requests/s for what was just asked for"


def _errors_text(present: Rates, figure: str) -> str:
    if present.missing > _MOSTLY * present.errors:
        return f"404 loop: {figure} requests/s for what does not exist"
    if present.denied > _MOSTLY * present.errors:
        return f"{figure} requests/s that are denied"
    return f"{figure} requests/s with errors"


# Not `received`: a checkpoint comes as a jump by nature, and to hold it up is to hold up the training.
_REQUESTS: Final = Measure(lambda rates: rates.requests, lambda guard: guard.requests, _requests_text, number_text)
_REPEATS: Final = Measure(lambda rates: rates.repeats, lambda guard: guard.requests, _repeats_text, number_text)
_SENT: Final = Measure(
    lambda rates: rates.sent, lambda guard: guard.bandwidth, lambda _, rate: f"{rate} sent", byte_rate_text
)
_MEASURES: Final = (
    _REQUESTS,
    _REPEATS,
    _SENT,
    Measure(lambda rates: rates.likely_errors, lambda guard: guard.errors, _errors_text, number_text),
    Measure(
        lambda rates: rates.lists, lambda guard: guard.lists, lambda _, rate: f"list storm: {rate} lists/s", number_text
    ),
    Measure(
        lambda rates: rates.connections,
        lambda guard: guard.connections,
        lambda _, rate: f"{rate} new connections/s",
        number_text,
    ),
)


class Cap(NamedTuple):
    """The requests per second, and where egress jumps the sent bytes per second, that a source is held to at first."""

    rate: float
    bandwidth: float | None


def first_cap(present: Rates, usual: Rates, guard: Guard, is_new: bool) -> Cap:
    """Half of where a jump begins, or what the source does if that is less.

    Half, since a source that keeps to it must look calm; and no less at first, since a tenant runs away if one of its
    clients does, and the others need what they usually have.
    """
    rate = min(_REQUESTS.threshold(usual, guard, is_new) / 2, present.requests)
    bandwidth = _SENT.threshold(usual, guard, is_new)
    return Cap(rate, bandwidth / 2 if present.sent > bandwidth else None)
