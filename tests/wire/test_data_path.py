"""The data path on real sockets and uvloop: splice, TLS on both sides, resets; descriptors and pipes are given back."""

import asyncio
import hashlib
import random
import socket
import ssl
import warnings
from pathlib import Path

import pytest

from tests.support.client import Client, TruncatedError
from tests.support.node import NodeEnd, Script, answers, ok
from tests.wire.edge import Certificate, issue_certificate
from tests.wire.service import LOCAL
from tests.wire.wiring import BODY, GET, MIB, Wire, put_head, run, until, wired

pytestmark = pytest.mark.wire

CHUNKED = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n<Error>"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issue_certificate(tmp_path_factory.mktemp("edge"))


def serving(certificate: Certificate) -> ssl.SSLContext:
    """What a node needs to serve with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


# Bodies, plain and by TLS.


async def gets_and_puts(wire: Wire, body: bytes) -> None:
    """Read the body, write it, and read again on the same connections."""
    async with wire.dial() as client:
        await client.send(GET)
        received = await client.read_exactly(len(ok(body)))
        assert hashlib.sha256(received[-len(body) :]).digest() == hashlib.sha256(body).digest()
        client.transport.write(put_head(len(body)))
        client.transport.write(body)
        assert (await client.read_response("PUT")).status == 200
        await client.send(GET)
        assert (await client.read_response()).body == b"after"


def takes_and_gives(body: bytes) -> Script:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(ok(body))
        await end.read_head()
        received = await end.read_exactly(len(body))
        assert hashlib.sha256(received).digest() == hashlib.sha256(body).digest()
        await end.send(ok())
        await answers(ok(b"after"))(end)

    return node


@pytest.mark.parametrize("size", [2 * MIB, 64 * MIB])  # smaller uploads are kept, and so cannot stay in the kernel
def test_a_large_plain_body_goes_by_splice_in_both_directions(size: int) -> None:
    async def main() -> None:
        async with wired(takes_and_gives(BODY[:size])) as wire:
            await gets_and_puts(wire, BODY[:size])
            assert len(wire.node.connections) == 1
            [(_, spliced)] = wire.edge.meter.snapshot()["s3edge_spliced_bytes_total"]
            assert spliced == 2 * size

    run(main)


@pytest.mark.parametrize("at_front", [False, True])
@pytest.mark.parametrize("at_back", [False, True])
def test_a_large_body_by_tls_arrives_whole(at_front: bool, at_back: bool, certificate: Certificate) -> None:
    async def main() -> None:
        body = BODY[: 16 * MIB]
        async with wired(
            takes_and_gives(body),
            certificate=certificate if at_front else None,
            node_tls=serving(certificate) if at_back else None,
            tls={"ca": str(certificate.ca)},
        ) as wire:
            await gets_and_puts(wire, body)
            assert len(wire.node.connections) == 1

    run(main)


def test_small_bodies_by_the_thousand_keep_their_order() -> None:
    async def node(end: NodeEnd) -> None:
        for number in range(5000):
            await end.read_until(b"\r\n\r\n")
            await end.send(ok(b"%d" % number * (number % 50)))

    async def main() -> None:
        async with wired(node) as wire, wire.dial() as client:
            client.transport.write(GET * 5000)
            for number in range(5000):
                answer = ok(b"%d" % number * (number % 50))
                assert await client.read_exactly(len(answer)) == answer

    run(main)


def test_a_body_until_close_ends_in_order_by_tls_too(certificate: Certificate) -> None:
    """A cut without `close_notify` would be a truncation to TLS clients."""

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:MIB])
        end.transport.close()

    async def main() -> None:
        async with wired(node, certificate=certificate) as wire, wire.dial() as client:
            begun = asyncio.get_running_loop().time()
            await client.send(GET)
            assert (await client.read_to_end()).endswith(BODY[:MIB])
            assert client.error is None
            assert asyncio.get_running_loop().time() - begun < 1.5, "the end is not a time limit's"

    run(main)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_of_this_version_is_spoken_with_clients(version: ssl.TLSVersion, certificate: Certificate) -> None:
    async def main() -> None:
        context = ssl.create_default_context(cafile=certificate.ca)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        async with (
            wired(answers(ok(b"x")), certificate=certificate, client_tls=context) as wire,
            wire.dial() as client,
        ):
            tls = client.transport.get_extra_info("ssl_object")
            assert (tls.version(), tls.selected_alpn_protocol()) == (version.name.replace("_", "."), "http/1.1")
            await client.send(GET)
            assert (await client.read_response()).body == b"x"

    run(main)


def test_tls_1_1_is_refused(certificate: Certificate) -> None:
    context = ssl.create_default_context(cafile=certificate.ca)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the version that is tried here
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    async def main() -> None:
        async with wired(answers(ok(b"x")), certificate=certificate) as wire:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.get_running_loop().create_connection(Client, LOCAL, wire.port, ssl=context)
            assert await wire.ask() == (200, b"x"), "who speaks a newer one is served"
            assert wire.node.received.count(b"GET") == 1

    run(main)


def test_a_client_that_does_not_begin_its_handshake_has_as_long_as_for_a_head(certificate: Certificate) -> None:
    async def main() -> None:
        async with wired(answers(ok(b"x")), certificate=certificate, listen={"head_timeout": "0.3s"}) as wire:
            begun = asyncio.get_running_loop().time()
            async with Wire(wire.edge, wire.node, wire.port, None).dial() as silent:
                await silent.read_to_end()
            assert 0.25 <= asyncio.get_running_loop().time() - begun < 5
            assert await wire.ask() == (200, b"x")

    run(main)


def test_a_client_that_speaks_no_tls_disturbs_nobody(certificate: Certificate) -> None:
    async def main() -> None:
        async with wired(answers(ok(b"x")), certificate=certificate) as wire:
            async with Wire(wire.edge, wire.node, wire.port, None).dial() as client:
                await client.send(GET)
                await client.read_to_end()
            assert wire.node.received == b""
            assert await wire.ask() == (200, b"x")

    run(main)


def test_an_https_node_is_verified_by_the_configured_ca(certificate: Certificate) -> None:
    async def main() -> None:
        ca = {"ca": str(certificate.ca)}
        async with wired(answers(ok(b"x")), node_tls=serving(certificate), tls=ca) as wire:
            assert await wire.ask() == (200, b"x")

    run(main)


@pytest.mark.parametrize("has_other_ca", [False, True])
def test_an_https_node_that_nobody_vouches_for_gets_no_request(
    has_other_ca: bool, certificate: Certificate, tmp_path: Path
) -> None:
    async def main() -> None:
        ca = {"ca": str(issue_certificate(tmp_path).ca)} if has_other_ca else {}
        async with wired(answers(ok(b"x")), node_tls=serving(certificate), tls=ca) as wire:
            status, body = await wire.ask()
            assert status == 503
            assert b"certificate verify failed" in body.lower()
            assert wire.node.received == b""

    run(main)


def test_a_certificate_for_another_name_is_not_accepted(certificate: Certificate) -> None:
    async def main() -> None:
        ca = {"ca": str(certificate.ca)}
        async with wired(answers(ok(b"x")), node_tls=serving(certificate), tls=ca) as wire:
            [node] = wire.edge.nodes.values()
            node.host = "other.example.com"
            status, body = await wire.ask()
            assert (status, wire.node.received) == (503, b"")
            assert b"other.example.com" in body

    run(main)


# Ends of all kinds. What is left over is checked at the end of `wired`.


@pytest.mark.parametrize("upload", [put_head(64 * MIB) + BODY, put_head(100_000) + BODY[:50_000], CHUNKED])
def test_an_answer_is_salvaged_from_a_node_that_resets_under_an_upload(upload: bytes) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        end.pause()
        end.transport.write(FORBIDDEN)
        await asyncio.sleep(0.05)  # the answer is on its way before the unread body makes a reset of the close
        end.transport.close()

    async def main() -> None:
        async with wired(node) as wire, wire.dial() as client:
            client.transport.write(upload)
            if upload is CHUNKED:
                client.transport.write((b"10000\r\n" + BODY[:65536] + b"\r\n") * 1000)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (403, b"close")

    run(main)


async def sends_half(end: NodeEnd) -> None:
    await end.read_request()
    end.transport.write(ok(BODY[: 4 * MIB])[: -2 * MIB])
    await end.lost()


async def takes_half(end: NodeEnd) -> None:
    await end.read_head()
    await end.read_exactly(2 * MIB)
    await end.lost()


DOWN = (sends_half, GET, 2 * MIB)
UP = (takes_half, put_head(4 * MIB) + BODY[: 2 * MIB], 0)


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("flow", [DOWN, UP], ids=["download", "upload"])
@pytest.mark.parametrize("is_tls", [False, True])
def test_a_client_killed_in_mid_body_ends_its_nodes_work(
    flow: tuple[Script, bytes, int], by_reset: bool, is_tls: bool, certificate: Certificate
) -> None:
    script, request_bytes, size = flow

    async def main() -> None:
        async with wired(script, certificate=certificate if is_tls else None) as wire:
            async with wire.dial() as client:
                await client.send(request_bytes)
                await client.read_exactly(size)
                await until(lambda: wire.levels[1] == 1 and len(wire.node.received) >= len(request_bytes))
                if by_reset:
                    client.abort()
                else:
                    client.transport.close()
                await wire.node.connections[0].lost()
            await until(lambda: wire.levels == (0, 0, 0, 0, 0))

    run(main)


@pytest.mark.parametrize(
    "framing, by_reset",
    # An orderly end is the end of a body until close.
    [("length", False), ("length", True), ("chunked", False), ("chunked", True), ("until close", True)],
)
@pytest.mark.parametrize("is_tls", [False, True])
def test_a_node_killed_in_mid_body_is_a_cut_for_its_client(
    framing: str, by_reset: bool, is_tls: bool, certificate: Certificate
) -> None:
    heads = {"length": ok(BODY[: 4 * MIB])[: -4 * MIB], "chunked": b"HTTP/1.1 200 OK\r\n" + CHUNKED[-30:]}
    head = heads.get(framing, b"HTTP/1.1 200 OK\r\n\r\n")

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(head + b"200000\r\n" * (framing == "chunked") + BODY[:MIB])
        await end.read_some()

    async def main() -> None:
        async with wired(node, certificate=certificate if is_tls else None) as wire:
            async with wire.dial() as client:
                await client.send(GET)
                await client.read_until(BODY[MIB - 20 : MIB])
                end = wire.node.connections[0]
                if by_reset:
                    sock = end.transport.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.abort()
                else:
                    end.transport.close()
                await client.lost()
                assert client.error is not None or is_tls, "a reset that cannot be taken for an end"
            await until(lambda: wire.levels == (0, 0, 0, 0, 0))

    run(main)


def test_the_client_of_a_cut_body_knows_by_its_length(certificate: Certificate) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(ok(BODY[:MIB])[:-1])
        end.transport.close()

    async def main() -> None:
        for tls in (None, certificate):
            async with wired(node, certificate=tls) as wire, wire.dial() as client:
                await client.send(GET)
                with pytest.raises(TruncatedError):
                    await client.read_response()

    run(main)


def test_many_flows_that_end_in_all_ways_leave_no_descriptor_and_no_pipe() -> None:
    async def node(end: NodeEnd) -> None:
        while True:
            await end.read_request()
            end.transport.write(ok(BODY[:MIB]))

    async def flow(wire: Wire, rng: random.Random) -> None:
        async with wire.dial() as client:
            await client.send(GET)
            match rng.randrange(4):
                case 0:
                    await client.read_response()
                case 1:
                    await client.read_exactly(rng.randrange(MIB))
                case 2:
                    await client.read_exactly(rng.randrange(MIB))
                    client.transport.close()
                case 3:
                    await asyncio.sleep(rng.random() / 100)

    async def main() -> None:
        rng = random.Random(1)
        async with wired(node) as wire:
            for _ in range(4):
                await asyncio.gather(*(flow(wire, rng) for _ in range(50)))
            assert await wire.ask() == (200, BODY[:MIB])
            assert wire.edge._splicing.pipes.open <= 64

    run(main)
