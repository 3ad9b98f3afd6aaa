"""Whether and when a request goes to another node after a failed attempt.

| of the request the node was sent | replayable | body whole | another node? |
|----------------------------------|------------|------------|---------------|
| nothing                          | any        | any        | yes           |
| something                        | yes        | yes        | yes           |
| something                        | yes        | no         | no            |
| something                        | no         | any        | no            |

The node may have carried out whatever it was sent, if only the head: some operations need no body, and servers differ
in which ones wait for it.
"""

from random import Random
from typing import Final

# Seconds. "Full jitter" of "Exponential Backoff And Jitter" (AWS Architecture Blog): it spreads the retries of many
# requests that failed together better than a pause of which only a part is random.
FIRST_PAUSE: Final = 0.025
LONGEST_PAUSE: Final = 1.0

# A node that is broken, overloaded, going away, or waits in vain for what is behind it. All else is true on every node.
FAILURES: Final = frozenset((500, 502, 503, 504))
"""The statuses of answers that are worth another node."""


def may_retry(*, is_sent: bool, is_replayable: bool, is_body_whole: bool) -> bool:
    """Whether the request may be sent to another node; see the table above.

    `is_sent`: at least one byte of the request was written to the node. `is_replayable`: a second sending does no harm
    (`S3Request.is_replayable`). `is_body_whole`: there is no body, or none of it left the client, or all that left is
    kept.
    """
    return not is_sent or (is_replayable and is_body_whole)


def pause(retry: int, rng: Random) -> float:
    """The seconds to wait before the `retry`-th retry (from 1) of a request.

    The first goes at once: it goes to another node, which is likely well.
    """
    if retry == 1:
        return 0.0
    return rng.uniform(0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (retry - 2)))
