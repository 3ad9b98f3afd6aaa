"""The body of a request on its way to one node after the other: what is kept, sent again, and lost for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from s3edge.http1.head import parse_request
from s3edge.proxy.upload import Upload
from s3edge.transport.connection import Surroundings
from s3edge.transport.pipes import Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.recording import Recording, Room
from s3edge.transport.splice import Splicing
from s3edge.transport.transfer import Relay, Transfer
from s3edge.upstream.connection import NodeConnection
from tests.proxy.stage import connected
from tests.support.client import Client
from tests.support.memory import Network
from tests.support.peer import Peer
from tests.support.virtual_time import run
from tests.transport.ends import surroundings

LIMIT = 1000


@dataclass
class Bench:
    """An upload, the client that brings it, and nodes for it; `ends` is what was told of its sendings."""

    client: Client
    upload: Upload
    room: Room
    ends: list[Exception | None]
    shared: Surroundings

    async def send(self, head: bytes) -> Peer:
        """Begin to send to a new node."""
        network, node = Network(), Peer()
        network.listen(("node", 9000), lambda: node)
        _, connection = await network.connect(lambda: NodeConnection(self.shared, "node", 60.0), "node", 9000)
        await asyncio.sleep(0)
        self.upload.send(connection, head, self.ends.append)
        return node


@asynccontextmanager
async def bench(framing: bytes, limit: int = LIMIT, room: int = 10_000, here: bytes = b"") -> AsyncIterator[Bench]:
    """A request whose head says `framing`, and of whose body this much is here; `room` bytes may be kept."""
    shared = surroundings()
    splicing = Splicing(Pipes(), Readiness(shared.loop))
    async with connected() as (edge, client):
        raw = b"PUT /b/k HTTP/1.1\r\nHost: s3\r\n%b\r\n\r\n" % framing
        await client.send(raw + here)
        await edge.head()
        some = Room(room)
        upload = Upload(edge, parse_request(raw), limit, some, splicing)
        yield Bench(client, upload, some, [], shared)
        upload.stop()
        upload.forget()
        assert some.used == 0
        splicing.close()


@pytest.mark.parametrize(
    "framing, body", [(b"Content-Length: 10", b"0123456789"), (b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n")]
)
@pytest.mark.parametrize("here", [0, 1, 4, 10, None])
def test_a_second_node_gets_what_the_first_got_and_the_rest(framing: bytes, body: bytes, here: int | None) -> None:
    async def main() -> None:
        async with bench(framing) as made:
            first = await made.send(b"FIRST\r\n\r\n")
            await made.client.send(body[:here])
            await asyncio.sleep(1)
            assert first.received == b"FIRST\r\n\r\n" + body[:here]
            assert made.upload.is_whole
            made.upload.stop()
            second = await made.send(b"SECOND\r\n\r\n")
            await made.client.send(b"" if here is None else body[here:])
            await asyncio.sleep(1)
            assert second.received == b"SECOND\r\n\r\n" + body
            assert (made.upload.is_sent, made.upload.moved, made.ends[-1]) == (True, len(body), None)
            assert made.room.used == len(body)

    run(main())


def test_what_comes_while_no_node_takes_it_is_not_lost() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 9") as made:
            for number in range(3):
                node = await made.send(b"HEAD")
                await made.client.send(b"abc"[number : number + 1])
                await asyncio.sleep(1)
                made.upload.stop()
                await made.client.send(b"x")
                await asyncio.sleep(1)
            node = await made.send(b"LAST")
            await made.client.send(b"end")
            await asyncio.sleep(1)
            assert node.received == b"LASTaxbxcxend"

    run(main())


def test_a_stopped_sending_is_not_told_as_ended() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 10") as made:
            await made.send(b"HEAD")
            made.upload.stop()
            made.upload.stop()
            assert (made.ends, made.upload.is_sent) == ([], False)

    run(main())


def test_a_body_that_announces_more_than_the_limit_is_not_kept_from_the_start() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: %d" % (LIMIT + 1)) as made:
            await made.send(b"HEAD")
            assert type(made.upload.transfer) is Relay
            assert made.upload.is_whole, "no byte has left the client"
            await made.client.send(b"x")
            await asyncio.sleep(1)
            assert (made.upload.is_whole, made.room.used) == (False, 0)

    run(main())


def test_a_body_of_which_nothing_has_left_goes_to_a_second_node_though_it_is_not_kept() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 3", limit=0) as made:
            await made.send(b"FIRST")
            made.upload.stop()
            assert made.upload.is_whole
            second = await made.send(b"SECOND")
            await made.client.send(b"abc")
            await asyncio.sleep(1)
            assert second.received == b"SECONDabc"

    run(main())


def test_a_body_of_which_bytes_were_lost_on_their_way_is_not_whole_though_no_node_has_any() -> None:
    """Regression: an upload whose first bytes were lost with a pipe was sent again without them."""

    async def main() -> None:
        async with bench(b"Content-Length: 3", limit=0) as made:
            upload = made.upload
            upload.transfer = cast(Transfer, SimpleNamespace(moved=0, taken=1, cancel=lambda: None))
            assert (upload.moved, upload.is_whole) == (0, False)

    run(main())


def test_a_chunked_body_is_kept_until_it_turns_out_too_large() -> None:
    async def main() -> None:
        async with bench(b"Transfer-Encoding: chunked") as made:
            node = await made.send(b"HEAD")
            assert type(made.upload.transfer) is Recording
            chunk = b"190\r\n" + b"x" * 400 + b"\r\n"
            await made.client.send(chunk + chunk)
            await asyncio.sleep(1)
            assert (made.upload.is_whole, made.room.used) == (True, 2 * len(chunk))
            await made.client.send(chunk + b"0\r\n\r\n")
            await asyncio.sleep(1)
            assert (made.upload.is_whole, made.room.used) == (False, 0)
            assert node.received == b"HEAD" + chunk * 3 + b"0\r\n\r\n"
            assert made.upload.is_sent

    run(main())


def test_without_room_left_a_body_moves_on_and_cannot_be_sent_again() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 100", room=50) as made:
            node = await made.send(b"HEAD")
            await made.client.send(b"x" * 50)
            await asyncio.sleep(1)
            assert made.upload.is_whole
            await made.client.send(b"x" * 50)
            await asyncio.sleep(1)
            assert (made.upload.is_whole, made.upload.is_sent, len(node.received)) == (False, True, 104)

    run(main())


def test_what_is_forgotten_gives_its_room_back_and_moves_on() -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 100") as made:
            node = await made.send(b"HEAD")
            await made.client.send(b"x" * 50)
            await asyncio.sleep(1)
            made.upload.forget()
            assert made.room.used == 0
            await made.client.send(b"x" * 50)
            await asyncio.sleep(1)
            assert (len(node.received), made.room.used, made.upload.is_whole) == (104, 0, False)

    run(main())


# A body that is here with its head.


@pytest.mark.parametrize("limit, is_whole", [(LIMIT, True), (0, False)])
def test_a_body_that_is_all_here_is_sent_at_once_and_takes_no_room(limit: int, is_whole: bool) -> None:
    async def main() -> None:
        async with bench(b"Content-Length: 5", limit, here=b"12345NEXT") as made:
            first = await made.send(b"FIRST")
            assert (made.ends, made.upload.is_sent, made.upload.moved) == ([None], True, 5)
            assert (made.upload.is_whole, made.room.used) == (is_whole, 0)
            second = await made.send(b"SECOND")
            await asyncio.sleep(1)
            assert (bytes(first.received), bytes(second.received)) == (b"FIRST12345", b"SECOND12345")
            assert made.upload._client.unread == b"NEXT"

    run(main())


@pytest.mark.parametrize(
    "framing, body", [(b"Content-Length: 9", b"012345678"), (b"Transfer-Encoding: chunked", b"2\r\nab\r\n0\r\n\r\n")]
)
def test_a_body_of_which_a_part_is_here_is_kept_whole(framing: bytes, body: bytes) -> None:
    async def main() -> None:
        async with bench(framing, here=body[:6]) as made:
            first = await made.send(b"FIRST")
            made.upload.stop()
            second = await made.send(b"SECOND")
            await made.client.send(body[6:])
            await asyncio.sleep(1)
            assert (bytes(first.received), bytes(second.received)) == (b"FIRST" + body[:6], b"SECOND" + body)
            assert (made.upload.moved, made.upload.is_whole, made.room.used) == (len(body), True, len(body))

    run(main())
