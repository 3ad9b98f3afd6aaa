"""A client that reads one answer and keeps the time: when its bytes came, and how long none did."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise

from tests.scenarios.scene import Scene
from tests.support.client import Client, Response, TruncatedError
from tests.support.edge import EDGE
from tests.support.memory import SOURCE
from tests.support.objects import content, size_of


class TimedClient(Client):
    """Notes when bytes arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.instants: list[float] = []

    def data_received(self, data: bytes) -> None:
        self.instants.append(asyncio.get_running_loop().time())
        super().data_received(data)


@dataclass(frozen=True)
class Read:
    """What a client saw. Times are seconds since it asked; `gap` is the longest time between two arrivals.

    `is_cut` says that the connection ended within the answer.
    """

    response: Response
    is_cut: bool
    first_byte: float
    gap: float
    took: float

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def body(self) -> bytes:
        return self.response.body


def get(path: str, *headers: bytes, method: bytes = b"GET") -> bytes:
    """A request without a body, with these extra header lines, which need no line end."""
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, path.encode()), b"Host: s3", *headers, b"", b""))


def whole(path: str, generation: int = 0) -> bytes:
    """All bytes of the object that storage nodes have under this path."""
    return content(path, 0, size_of(path), generation)


async def read(stage: Scene, request: bytes, source: str = SOURCE) -> Read:
    """The answer to a request on a connection of its own, from the address `source`."""
    loop = asyncio.get_running_loop()
    _, client = await stage.network.connect(TimedClient, *EDGE, source=source)
    began = loop.time()
    is_cut = False
    try:
        client.transport.write(request)
        try:
            response = await client.read_response(request.partition(b" ")[0].decode())
        except TruncatedError as error:
            response, is_cut = error.response, True
        took = loop.time() - began
    finally:
        client.abort()
        await client.lost()
    instants = client.instants
    gap = max((after - before for before, after in pairwise(instants)), default=0.0)
    first_byte = instants[0] - began if instants else took
    return Read(response, is_cut, round(first_byte, 9), round(gap, 9), round(took, 9))


async def read_object(stage: Scene, path: str, *headers: bytes) -> Read:
    """A whole object, which must come whole and be the right one."""
    seen = await read(stage, get(path, *headers))
    assert (seen.status, seen.is_cut) == (200, False)
    assert seen.body == whole(path)
    return seen
