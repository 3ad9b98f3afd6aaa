"""What part of its weight a node is given while it has more connections open than its peers.

Source: Dell's ECS REST API, "S3 Ping Operation": "The Load Factor value is the number of active Jetty connections on
that node." It counts everybody's connections, so it shows what this edge cannot see: the load that others bring. It has
no upper bound, so only the comparison with the peers means anything.
"""

from collections.abc import Sequence
from statistics import median

# Fewer connections than this differ by chance, as a handful of clients come and go.
NOISE = 50
# However busy the others make a node, some of its weight stays: what it can do is known best by using it.
LEAST = 0.2
# Workers are told of changes by a tenth; finer ones move no request.
STEPS = 10


def next_share(share: float, load: int | None, loads: Sequence[int]) -> float:
    """The share of its weight that a node is given from now on, after `share`.

    `load` is its number of connections, None if it does not tell, and `loads` are those of the whole cluster. The aim
    is 1.0 up to the median and inversely proportional to the load beyond it. A share changes the load that it is
    computed from, so it goes half of the way at a time: the whole way would swing to and fro.
    """
    aim = 1.0
    if load is not None and loads:
        usual = max(median(loads), NOISE)
        aim = max(LEAST, usual / max(load, usual))
    return round(STEPS * (share + aim) / 2) / STEPS
