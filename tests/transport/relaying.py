"""Relays for tests, between connections in memory."""

from s3edge.http1.body import Body
from s3edge.transport.transfer import Relay
from tests.transport.ends import Ends, line

LIMIT = 60.0
KIB = 1024


async def announced(ends: Ends, length: int, body: bytes = b"") -> None:
    """Let the source read the head of a body of `length`, of which `body` comes along."""
    ends.sender.transport.write(line(length) + body)
    assert (await ends.source.head()).length == length


def relay(ends: Ends, body: Body, limit: float = LIMIT) -> Relay:
    return Relay(ends.source, ends.sink, body, limit)
