"""Limiters of scopes that nobody can list beforehand: one per client address, one per bucket."""

from collections import OrderedDict
from collections.abc import Callable, ValuesView
from typing import Final

from s3edge.config.qos import Limits
from s3edge.qos.limiter import Limiter

# Ten times the clients of a large training cluster. So many limiters of three limits each take 27 MiB.
MOST_SCOPES: Final = 10_000
# As many as stay although they are idle: they cost less than making those of the same clients again and again.
KEPT_IDLE: Final = 1_000
# How many limiters are looked at to find an idle one, so that a newcomer costs a bounded time.
_LOOKS: Final = 8
OTHERS: Final = "*"
"""Whose limiter those share who come when there is no place left. No address or bucket can have this name."""
# Characters of a bucket's name: 63 today, and 255 for old ones. All of them are ASCII.
LONGEST_NAME: Final = 255


class Scopes:
    """A limiter for each client address or bucket, made by `make(name)` when it is first asked for.

    At most `most` are kept, and that of `OTHERS`. From `KEPT_IDLE` on, a newcomer has the place of one that is idle,
    which loses nothing. If all places are taken and none of those that were used longest ago is idle, it shares the
    limiter of the others: to come from ever more addresses takes nobody around a limit, and no memory. So does a name
    that no address or bucket can have: clients choose names, which are kept, and go to the supervisor as text.
    """

    __slots__ = ("_limiters", "_make", "_most")

    def __init__(self, make: Callable[[str], Limiter], most: int = MOST_SCOPES) -> None:
        self._make = make
        self._most = most
        self._limiters: OrderedDict[str, Limiter] = OrderedDict()  # by last use

    def get(self, name: str, now: float) -> Limiter:
        """The limiter for a request that comes now: 0.1 us if there is one, else some us.

        One that is kept without being in use may be forgotten meanwhile, so it is to be asked for each time.
        """
        limiter = self._limiters.get(name)
        if limiter is None:
            return self._admit(name, now)
        self._limiters.move_to_end(name)
        return limiter

    def values(self) -> ValuesView[Limiter]:
        """All limiters that there are now."""
        return self._limiters.values()

    def change(self, limits: Limits, now: float) -> None:
        """Give all limiters other limits; `make` must give them to new ones."""
        for limiter in self._limiters.values():
            limiter.change(limits, now)

    def _admit(self, name: str, now: float) -> Limiter:
        places = self._most + (OTHERS in self._limiters)
        if not _can_exist(name):
            name = OTHERS
        elif len(self._limiters) >= min(KEPT_IDLE, places) and not self._forgets_one(now):
            name = OTHERS if len(self._limiters) >= places else name
        limiter = self._limiters.get(name)
        if limiter is None:
            limiter = self._limiters[name] = self._make(name)
        return limiter

    def _forgets_one(self, now: float) -> bool:
        """Forget the first idle limiter of some that were used longest ago; False if all of them are in use."""
        for _ in range(min(_LOOKS, len(self._limiters))):
            name, limiter = next(iter(self._limiters.items()))
            if name != OTHERS and limiter.is_idle(now):
                del self._limiters[name]
                return True
            self._limiters.move_to_end(name)  # it is in use now
        return False


def _can_exist(name: str) -> bool:
    return len(name) <= LONGEST_NAME and name.isascii() and name.isprintable() and "/" not in name
