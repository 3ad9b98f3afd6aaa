import asyncio
from typing import cast

import pytest

from tests.support.memory import Link, MemoryTransport, Network
from tests.support.peer import Peer
from tests.support.virtual_time import Deadlock, run

ADDRESS = ("node", 9000)


async def pair(link: Link | None = None) -> tuple[Peer, Peer, Network]:
    """A client and the server it is connected to."""
    network = Network(link)
    server = Peer()
    network.listen(ADDRESS, lambda: server)
    _, client = await network.connect(Peer, *ADDRESS)
    await asyncio.sleep(0)
    return client, server, network


def now() -> float:
    return asyncio.get_running_loop().time()


def test_each_write_arrives_as_a_piece_of_its_own_and_in_order() -> None:
    class Pieces(asyncio.Protocol):
        def __init__(self) -> None:
            self.pieces: list[bytes] = []

        def data_received(self, data: bytes) -> None:
            self.pieces.append(data)

    async def main() -> list[bytes]:
        network, server = Network(), Pieces()
        network.listen(ADDRESS, lambda: server)
        transport, _ = await network.connect(Peer, *ADDRESS)
        transport.write(b"one")
        transport.writelines([b"two", bytearray(b"three")])
        await asyncio.sleep(1)
        return server.pieces

    assert run(main()) == [b"one", b"twothree"]


class Paced(Peer):
    """A peer that keeps a list of how its transport paced it."""

    def __init__(self) -> None:
        super().__init__()
        self.paces: list[str] = []

    def pause_writing(self) -> None:
        super().pause_writing()
        self.paces.append("pause")

    def resume_writing(self) -> None:
        super().resume_writing()
        self.paces.append("resume")


def test_a_reader_that_pauses_pauses_the_writer_and_what_does_not_fit_stays_with_it() -> None:
    async def main() -> None:
        network, server = Network(Link(capacity=1000, piece=400)), Peer()
        network.listen(ADDRESS, lambda: server)
        transport, client = await network.connect(Paced, *ADDRESS)
        transport.set_write_buffer_limits(high=500, low=100)
        await asyncio.sleep(0)
        server.pause()
        transport.write(bytes(1500))
        assert (transport.get_write_buffer_size(), client.paces) == (500, [])
        transport.write(b"x")
        assert (transport.get_write_buffer_size(), client.paces) == (501, ["pause"])
        await asyncio.sleep(1)
        assert server.received == b""
        server.resume()
        await server.read_exactly(400)
        assert (transport.get_write_buffer_size(), client.paces) == (101, ["pause"])
        await server.read_exactly(1101)
        assert (transport.get_write_buffer_size(), client.paces) == (0, ["pause", "resume"])

    run(main())


def test_a_reader_that_pauses_gets_nothing_of_what_was_about_to_arrive() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        client.transport.write(b"about to arrive")
        server.pause()
        await asyncio.sleep(1)
        assert server.received == b""
        server.resume()
        assert await server.read_some() == b"about to arrive"

    run(main())


def test_water_marks_are_checked_as_asyncio_checks_them() -> None:
    async def main() -> None:
        network = Network()
        network.listen(ADDRESS, Peer)
        transport, _ = await network.connect(Peer, *ADDRESS)
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        transport.set_write_buffer_limits(low=10)
        assert transport.get_write_buffer_limits() == (10, 40)
        transport.set_write_buffer_limits(high=0)
        assert transport.get_write_buffer_limits() == (0, 0)
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)

    run(main())


def test_send_waits_for_a_reader_that_never_reads() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        client._patience = 1e6
        server.pause()
        await client.send(bytes(1024 * 1024))

    with pytest.raises(Deadlock):
        run(main(), limit=10)


def test_latency_and_bandwidth_give_exact_times() -> None:
    async def main() -> tuple[float, float, float]:
        client, server, _ = await pair(Link(latency=0.5, bandwidth=1000, piece=500))
        connected = now()
        client.transport.write(bytes(1000))
        await server.read_exactly(500)
        half = now()
        await server.read_exactly(500)
        return connected, half, now()

    assert run(main()) == (1.0, 2.0, 2.5)


def test_an_end_of_file_comes_after_the_bytes_and_the_other_direction_stays_open() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        client.transport.write(b"request")
        client.finish()
        assert await server.read_to_end() == b"request"
        await server.send(b"answer")
        assert await client.read_exactly(6) == b"answer"
        assert not client.has_ended
        assert not server.is_lost
        with pytest.raises(RuntimeError, match="write_eof"):
            client.transport.write(b"more")
        await server.close()
        await client.close()

    run(main())


def test_close_sends_what_is_unsent_first() -> None:
    async def main() -> None:
        client, server, network = await pair(Link(capacity=10))
        client.transport.write(b"x" * 100)
        client.transport.close()
        client.transport.write(b"ignored")
        assert await server.read_to_end() == b"x" * 100
        await client.lost()
        assert (client.error, server.error, network.open_connections) == (None, None, 1)
        await server.close()
        assert network.open_connections == 0

    run(main())


def test_a_protocol_that_does_not_keep_half_open_connections_is_closed_at_the_end_of_file() -> None:
    async def main() -> None:
        network = Network()
        network.listen(ADDRESS, asyncio.Protocol)
        _, client = await network.connect(Peer, *ADDRESS)
        client.finish()
        await client.read_to_end()
        await client.close()
        assert network.open_connections == 0

    run(main())


def test_abort_resets_the_peer_and_loses_what_is_under_way() -> None:
    async def main() -> None:
        client, server, network = await pair(Link(latency=1))
        client.transport.write(b"never seen")
        client.abort()
        await client.lost()
        assert (client.error, now()) == (None, 2.0)
        await server.lost()
        assert now() == 3.0
        assert isinstance(server.error, ConnectionResetError)
        assert server.received == b""
        assert network.open_connections == 0

    run(main())


def test_closing_with_bytes_unread_resets_the_peer() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        server.pause()
        await client.send(b"a body that nobody reads")
        server.transport.close()
        await client.lost()
        assert isinstance(client.error, ConnectionResetError)

    run(main())


def test_writing_to_a_closed_peer_resets_the_writer() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        await server.close()
        assert await client.read_to_end() == b""
        assert not client.is_lost
        client.transport.write(b"too late")
        await client.lost()
        assert isinstance(client.error, ConnectionResetError)

    run(main())


def test_a_transport_has_addresses_and_no_socket() -> None:
    async def main() -> None:
        client, server, _ = await pair()
        assert client.transport.get_extra_info("peername") == ADDRESS
        assert server.transport.get_extra_info("peername") == ("192.0.2.1", 40_000)
        assert client.transport.get_extra_info("socket") is None

    run(main())


def test_an_address_where_nobody_listens_refuses() -> None:
    async def main() -> None:
        network = Network()
        network.listen(ADDRESS, Peer)
        network.refuse(ADDRESS)
        with pytest.raises(ConnectionRefusedError, match="node"):
            await network.connect(Peer, *ADDRESS)

    run(main())


def test_a_silent_address_never_answers() -> None:
    async def main() -> float:
        network = Network()
        network.listen(ADDRESS, Peer)
        network.silence(ADDRESS)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await network.connect(Peer, *ADDRESS)
        return now()

    assert run(main()) == 2.0


def test_what_is_not_bytes_cannot_be_written() -> None:
    async def main() -> None:
        client, _, _ = await pair()
        with pytest.raises(TypeError, match="str"):
            cast(MemoryTransport, client.transport).write("text")  # type: ignore[arg-type]

    run(main())
