"""The limits of open connections that a client's connection counts in."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from s3edge.fleet.shared import PERIOD
from s3edge.proxy.client import ClientConnection
from s3edge.qos.limiter import Limiter

# Periods of the ledger: it hears that a connection found no room, has another worker let go, and then lends the place.
# Each of the three may come up to one late.
LENDING: Final = 6


def full(client: ClientConnection, limiters: Iterable[Limiter]) -> Limiter | None:
    """The first of these limits that the connection would be one too many for; None if it may stay."""
    return next(
        (each for each in limiters if each not in client.counted_by and not each.has_room_for_connection()), None
    )


def count_in(client: ClientConnection, limiters: Iterable[Limiter]) -> None:
    """The connection counts in these limits, whether or not it did before."""
    for limiter in limiters:
        if limiter not in client.counted_by:
            limiter.connections += 1
            client.counted_by += (limiter,)


def count_out(client: ClientConnection, limiter: Limiter) -> None:
    """The connection counts in this limit no longer; nothing if it did not."""
    if limiter in client.counted_by:
        limiter.connections -= 1
        client.counted_by = tuple(each for each in client.counted_by if each is not limiter)


def leave(client: ClientConnection) -> None:
    """The connection is gone, and counts nowhere."""
    counted_by, client.counted_by = client.counted_by, ()
    for limiter in counted_by:
        limiter.connections -= 1


async def found_late(has_room: Callable[[], bool]) -> bool:
    """Whether there is room after all, since other workers lend what they do not need. To ask shows that it is wanted.

    A connection cannot wait in a line, and of a small limit a worker has nothing before it wants some.
    """
    for _ in range(LENDING):
        await asyncio.sleep(PERIOD)
        if has_room():
            return True
    return False
