"""A client's connection: heads in time, time to read, and a goodbye that no answer is lost by."""

import asyncio

import pytest

from s3edge.errors import ClientError
from s3edge.proxy.client import LINGER, STALL_LIMIT, ClientConnection, _plain
from s3edge.transport.connection import WRITE_BUFFER, ConnectionGoneError
from tests.proxy.stage import connected
from tests.scenarios.scene import GET, fires, now, turns
from tests.support.client import Client
from tests.support.memory import Link
from tests.support.virtual_time import run

# More than the connection's buffers hold, so that the edge waits for the client.
LARGE = b"x" * (WRITE_BUFFER + 200_000)


async def sleeper(client: ClientConnection) -> None:
    """A session that waits for something else than the client."""
    client.is_busy = True
    await asyncio.sleep(1000)


def test_the_address_of_the_client_becomes_a_field() -> None:
    async def main() -> None:
        async with connected() as (client, _):
            assert client.forwarded_for == b"X-Forwarded-For: 192.0.2.1\r\n\r\n"

    run(main())


def test_a_head_has_begun_from_its_first_byte_to_its_last() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            waiting = asyncio.create_task(client.head(), name="head")
            seen = []
            for part in (b"", GET[:1], GET[1:]):
                await peer.send(part)
                await turns()
                seen.append(client.has_begun)
            assert seen == [False, True, False]
            assert (await waiting).target == b"/bucket/key"

    run(main())


def test_a_slow_head_and_an_idle_connection_are_told_apart() -> None:
    async def main() -> None:
        async with connected() as (client, _):
            client.timer.set(3)
            with pytest.raises(ConnectionGoneError):
                await client.head()
            assert now() == fires(3)
        async with connected() as (client, peer):
            await peer.send(b"GET")
            begun = now()
            client.timer.set(30)
            with pytest.raises(ClientError) as caught:
                await client.head()
            assert (caught.value.status, now()) == (408, fires(begun + 10))

    run(main())


def test_a_client_that_reads_lets_the_edge_go_on() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            await client.writable(1)
            peer.pause()
            client.transport.write(LARGE)
            waiting = asyncio.create_task(client.writable(10), name="writable")
            await asyncio.sleep(5)
            assert not waiting.done()
            peer.resume()
            await waiting
            assert now() == 5
            assert await peer.read_exactly(len(LARGE)) == LARGE

    run(main())


@pytest.mark.parametrize("leaves", [False, True])
def test_waiting_for_a_client_to_read_ends_when_it_leaves_or_takes_too_long(leaves: bool) -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            peer.pause()
            client.transport.write(LARGE)
            if leaves:
                asyncio.get_running_loop().call_later(4, peer.abort)
            with pytest.raises(ConnectionGoneError):
                await client.writable(10)
            assert now() == (4 if leaves else fires(10))

    run(main())


async def says_goodbye(client: ClientConnection, peer: Client) -> None:
    client.transport.write(b"goodbye")
    client.linger()
    assert await peer.read_to_end() == b"goodbye"
    assert (peer.error, peer.is_lost) == (None, False), "the end of the answer, not of the connection"


def test_a_goodbye_reaches_a_client_that_is_still_sending() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            await peer.send(b"x" * 100_000)
            await turns()
            client.linger()
            client.linger()
            peer.transport.write(b"x" * 10_000_000)
            assert await peer.read_to_end() == b""
            await turns(1000)
            assert (peer.transport.get_write_buffer_size(), client.unread) == (0, b""), "read and thrown away"
            assert not peer.is_lost
            peer.transport.close()
            await turns()
            assert (client.is_lost, now()) == (True, 0)

    run(main())


def test_a_client_that_does_not_answer_a_goodbye_is_closed_after_a_while() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            await says_goodbye(client, peer)
            await asyncio.sleep(fires(LINGER) + 0.01)
            assert client.is_lost

    run(main())


def test_a_client_that_goes_on_sending_is_closed_after_a_while() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            await says_goodbye(client, peer)
            said = now()
            sending = asyncio.create_task(peer.send(b"x" * 10_000, piece=1, pause=0.01), name="sending")
            await peer.lost()
            assert now() == pytest.approx(fires(said + LINGER), abs=0.02)
            await sending
            assert client.is_lost

    run(main())


@pytest.mark.parametrize("seconds", [1, 50])
def test_a_goodbye_waits_for_a_slow_reader(seconds: float) -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            peer.pause()
            client.transport.write(LARGE)
            client.linger()
            await asyncio.sleep(seconds)
            peer.resume()
            assert await peer.read_to_end() == LARGE
            assert peer.error is None

    run(main())


def test_a_client_that_reads_nothing_more_is_cut() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            peer.pause()
            client.transport.write(LARGE)
            client.linger()
            await asyncio.sleep(LINGER + STALL_LIMIT + 1)
            assert client.is_lost

    run(main())


def test_closing_gives_a_client_its_time_to_read_and_no_more() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            peer.pause()
            client.transport.write(LARGE)
            client.close()
            await asyncio.sleep(STALL_LIMIT - 1)
            assert not client.is_lost
            await asyncio.sleep(2)
            assert client.is_lost

    run(main())


@pytest.mark.parametrize("how", ["reset", "end"])
def test_a_busy_session_is_cancelled_when_its_client_leaves(how: str) -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            client.task = asyncio.create_task(sleeper(client), name="session")
            await turns()
            if how == "reset":
                peer.abort()
            else:
                peer.finish()
            await turns()
            assert client.task.cancelled()
            assert now() == 0

    run(main())


def test_a_session_that_waits_for_a_head_is_told_instead_of_cancelled() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            waiting = asyncio.create_task(client.head(), name="session")
            await turns()
            peer.finish()
            with pytest.raises(ConnectionGoneError):
                await waiting

    run(main())


def test_pipelined_requests_do_not_pile_up_while_one_after_the_other_is_taken() -> None:
    async def main() -> None:
        async with connected(Link(capacity=1 << 30)) as (client, peer):
            peer.transport.write(GET * 20_000)
            for _ in range(20_000):
                await client.head()
                assert client.unread_size < 160 * 1024

    run(main())


@pytest.mark.parametrize("size", [8192, 8193])
def test_a_head_may_be_as_large_as_its_limit(size: int) -> None:
    async def main() -> None:
        raw = GET[:-2] + b"A: " + b"b" * (size - len(GET) - 5) + b"\r\n\r\n"
        assert len(raw) == size
        async with connected(head_limit=8192) as (client, peer):
            await peer.send(raw)
            if size == 8192:
                assert (await client.head()).raw == raw
            else:
                with pytest.raises(ClientError) as caught:
                    await client.head()
                assert caught.value.status == 431

    run(main())


@pytest.mark.parametrize(
    "peer, address",
    [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("fd00::7", "fd00::7")],
)
def test_an_ipv4_address_that_an_ipv6_socket_shows_is_that_ipv4_address(peer: str, address: str) -> None:
    assert _plain(peer) == address
