"""Permission to retry, for which requests wait their turn: a budget bounds the retries, and fails nobody for it."""

import asyncio
from collections import deque
from collections.abc import Callable

from s3edge.resilience.budget import RetryBudget


class Permits:
    """The retry permits of one budget; `live` counts the requests under way that the budget is a share of."""

    def __init__(self, budget: RetryBudget, live: Callable[[], int]) -> None:
        self._budget = budget
        self._live = live
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many retries are under way."""
        return self._budget.taken

    @property
    def left(self) -> int:
        """How many more could be taken now."""
        return 0 if self._waiting else self._budget.left(self._live())

    def take_now(self) -> bool:
        """Take a permit if there is one and nobody waits for it."""
        return not self._waiting and self._budget.take(self._live())

    async def take(self, limit: float) -> bool:
        """Take a permit, after `limit` seconds at most; False if there was none."""
        if self.take_now():
            return True
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(limit):
                await turn
        except TimeoutError:
            return turn.done() and not turn.cancelled()  # it may have come in the same moment
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
        return True

    def give_back(self) -> None:
        """The retry has its answer, or none."""
        self._budget.give_back()
        while self._waiting and self._budget.take(self._live()):
            turn = self._waiting.popleft()
            if turn.done():
                self._budget.give_back()
            else:
                turn.set_result(None)
