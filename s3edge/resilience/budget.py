"""How much extra work retries and hedges may cause, so that a sick cluster is not trampled by its cure.

Both budgets only count. A caller that gets no permit sends nothing more: it waits, or lives with what it has.
"""

from typing import Final

# Retries that may always be under way, as in Envoy (`min_retry_concurrency`): a share of little traffic would be none.
LEAST_RETRIES: Final = 3
# Hedges that may be saved up. A quiet hour must not pay for a storm of hedges when all nodes turn slow at once.
MOST_SAVED: Final = 100.0


class RetryBudget:
    """Lets retries under way be a `share` of the live requests, and at least `least` (Envoy's retry budget).

    `taken` counts the permits that were taken and not given back.
    """

    __slots__ = ("_least", "_share", "taken")

    def __init__(self, share: float, least: int = LEAST_RETRIES) -> None:
        self.taken = 0
        self._share = share
        self._least = least

    def take(self, live: int) -> bool:
        """Take the permit for one retry while `live` requests are under way; False if there is none."""
        if self.taken + 1 > max(self._least, self._share * live):
            return False
        self.taken += 1
        return True

    def left(self, live: int) -> int:
        """How many more permits there are while `live` requests are under way."""
        return max(0, int(max(self._least, self._share * live)) - self.taken)

    def give_back(self) -> None:
        """The retry of one permit is over."""
        self.taken -= 1


class HedgeBudget:
    """Lets hedges be a `share` of the requests, which the owner counts in `requests`: a plain addition for each.

    It starts empty and saves at most `most` hedges, so there have never been more of them than `share` times the
    requests.
    """

    __slots__ = ("_gone", "_most", "_share", "requests")

    def __init__(self, share: float, most: float = MOST_SAVED) -> None:
        self.requests = 0
        self._gone = 0.0  # hedges that were taken, or not saved
        self._share = share
        self._most = most

    @property
    def left(self) -> float:
        """The hedges that are saved; less than one is none."""
        return min(self._share * self.requests - self._gone, self._most)

    def take(self) -> bool:
        """Take one hedge; False if less than one is saved."""
        earned = self._share * self.requests
        self._gone = max(self._gone, earned - self._most)
        if earned - self._gone < 1.0:
            return False
        self._gone += 1.0
        return True
