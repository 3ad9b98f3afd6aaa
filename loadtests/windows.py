"""Figures about shares and limits: how evenly, and how much in any stretch of time."""

from collections.abc import Iterable, Sequence
from itertools import accumulate


def jain(shares: Iterable[float]) -> float:
    """Jain's index of fairness: 1 when all shares are equal, 1/n when one has all; 0 of nothing.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness, DEC-TR-301 (1984).
    """
    values = list(shares)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 0.0


def window_sums(series: Sequence[float], length: int) -> list[float]:
    """The sums of all stretches of `length` values in a row; none if the series is shorter."""
    sums = [0.0, *accumulate(series)]
    return [late - early for early, late in zip(sums, sums[length:], strict=False)]


def settled_at(series: Sequence[float], value: float, tolerance: float, length: int) -> int | None:
    """The first place from which the mean of any `length` values in a row is within `tolerance` of `value`, each way.

    `tolerance` is a share: 0.1 is a tenth. None if the last ones are not.
    """
    settled = None
    for place, total in reversed(list(enumerate(window_sums(series, length)))):
        if abs(total / length - value) > tolerance * value:
            break
        settled = place
    return settled
