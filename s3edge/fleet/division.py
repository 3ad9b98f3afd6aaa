"""How one limit is divided: who wants more shares evenly what the others do not need (water-filling, max-min fair)."""

from collections.abc import Sequence
from math import inf
from typing import Final

# Together, those who do not want more have this part of a limit beyond what they use. It lets a holder that suddenly
# gets clients begin, and one whose use rises a little not wait. It is lost to the others, so it must stay well below
# the 5% within which limits are held.
RESERVE: Final = 0.01
# Seconds after which a part of a level that is too small for all goes to the next who wants it. A queue commonly waits
# for 2 s: with four holders each has its turn by then.
TURN: Final = 0.5


def divide_rate(total: float, used: Sequence[float]) -> list[float]:
    """The leases of a rate, by what each holder uses; `inf` for one that wants more.

    If anybody wants more, the sum is the total.
    """
    count = len(used)
    reserve = total * RESERVE / count
    leases = [0.0] * count
    left = total
    for index in sorted(range(count), key=used.__getitem__):
        lease = leases[index] = min(used[index] + reserve, left / count)
        left -= lease
        count -= 1
    return leases


def divide_level(total: float, used: Sequence[float], leases: Sequence[float], now: float) -> list[float]:
    """The leases of a level, in whole numbers, likewise; `leases` are those that the holders have now.

    What does not divide goes to those who have the most already, so that nothing is moved without need. Where there
    are fewer than holders who want more, they take turns.
    """
    count = len(used)
    reserve = total * RESERVE / count // 1
    if total < used.count(inf):
        turn = int(now / TURN)
        order = sorted(range(count), key=lambda index: (used[index], (index + turn) % count))
    else:
        order = sorted(range(count), key=lambda index: (used[index], leases[index]))
    divided = [0.0] * count
    left = total
    for index in order:
        divided[index] = min(used[index] + reserve, left // count)
        left -= divided[index]
        count -= 1
    return divided
