"""Connections below HTTP, in memory: a head is a line that tells the length of the body behind it."""

import asyncio
from dataclasses import dataclass

from s3edge.errors import ClientError
from s3edge.transport.connection import Connection, Surroundings
from s3edge.transport.inbox import Inbox
from s3edge.transport.wheel import FINE_TICK, TICK, Wheel
from tests.support.memory import Link, Network
from tests.support.peer import Peer

HEAD_LIMIT = 1000
SENDER = ("sender", 1)
READER = ("reader", 2)


@dataclass
class LineHead:
    """`raw` starts with `length`, in bytes or as `http1.head` has it."""

    raw: bytes
    length: int


class TooSlowError(Exception):
    """No head came in time."""


class TooLargeError(Exception):
    """A head did not end."""


class LineConnection(Connection[LineHead]):
    """A connection of such heads; one that starts with "bad" is not well-formed."""

    def parse(self, raw: bytes) -> LineHead:
        if raw.startswith(b"bad"):
            raise ClientError(400, "InvalidRequest", raw.decode())
        return LineHead(raw, int(raw.split()[0]))

    def too_slow(self) -> Exception:
        return TooSlowError()

    def too_large(self) -> Exception:
        return TooLargeError()


def line(length: int, name: str = "") -> bytes:
    """A head for a body of `length`."""
    return b"%d %s\r\n\r\n" % (length, name.encode())


def surroundings(tick: float = TICK) -> Surroundings:
    """What the connections of a test share; time limits are noticed within `tick` seconds."""
    loop = asyncio.get_running_loop()
    return Surroundings(loop, Wheel(loop, tick), Wheel(loop, FINE_TICK), Inbox())


@dataclass
class Ends:
    """`sender` -> `source`, a body moves on to `sink` -> `reader`."""

    sender: Peer
    source: LineConnection
    sink: LineConnection
    reader: Peer

    @property
    def are_clean(self) -> bool:
        """Whether neither connection knows of a transfer or waits for a time limit."""
        return (
            self.source.inflow is None
            and self.sink.outflow is None
            and self.source.timer.due == float("inf")
            and self.sink.timer.due == float("inf")
        )


async def connected(network: Network, host: tuple[str, int], shared: Surroundings) -> tuple[LineConnection, Peer]:
    """A connection and the peer it leads to."""
    peer = Peer()
    network.listen(host, lambda: peer)
    _, connection = await network.connect(lambda: LineConnection(shared, HEAD_LIMIT), *host)
    await asyncio.sleep(0)
    return connection, peer


async def memory_ends(source_link: Link | None = None, sink_link: Link | None = None) -> Ends:
    """Both connections over links in memory."""
    shared = surroundings()
    source, sender = await connected(Network(source_link), SENDER, shared)
    sink, reader = await connected(Network(sink_link), READER, shared)
    return Ends(sender, source, sink, reader)


async def pair(link: Link | None = None) -> tuple[LineConnection, Peer]:
    return await connected(Network(link), SENDER, surroundings())
