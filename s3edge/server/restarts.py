"""How soon a worker that died is replaced, and when it is no use."""

# A worker that lived this long (seconds) had work to do; its death is news of its own, not one of a series.
YOUNG = 10.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
# So many deaths in a row at the start, none of which came to serve, mean a fault that another try does not mend.
GIVE_UP = 5


class Restarts:
    """Counts the deaths of all workers of one supervisor."""

    def __init__(self) -> None:
        self.has_served = False
        self._stillborn = 0
        self._pauses: dict[int, float] = {}

    def ready(self) -> None:
        """A worker takes connections: from now on there is something to keep alive."""
        self.has_served = True

    def died(self, number: int, lived: float) -> float | None:
        """Seconds to wait before worker `number`, which lived so many seconds, is replaced; None: give up."""
        if not self.has_served:
            self._stillborn += 1
            if self._stillborn >= GIVE_UP:
                return None
        last = self._pauses.get(number, 0.0)
        pause = 0.0 if lived >= YOUNG else min(max(2 * last, FIRST_PAUSE), LONGEST_PAUSE)
        self._pauses[number] = pause
        return pause
