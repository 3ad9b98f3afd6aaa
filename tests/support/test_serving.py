"""The storage node on real sockets: what memory cannot show."""

import asyncio
import json
import socket
import ssl
from collections.abc import Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import trustme
import uvloop

from tests.support.client import Client, TruncatedError, dial
from tests.support.faults import (
    Closes,
    DiesAfter,
    DropsConnects,
    EndsAfter,
    Fails,
    Fault,
    Refuses,
    Resets,
    StallsAfter,
    to_json,
)
from tests.support.objects import content, matches
from tests.support.serving import HOST, StorageService, faults_of, serving
from tests.support.stage import request

KEY = "/bench/5MiB-1"
SIZE = 5 << 20
# Seconds. Nothing answers a dropped SYN; one that is answered on loopback is so in less than a millisecond.
SOON = 0.2


def run_on_sockets(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def ask(port: int, path: str, method: bytes = b"GET", body: bytes = b"") -> Any:
    """The body of the answer, as JSON, to a request on a connection of its own."""
    async with dial(asyncio.get_running_loop().create_connection, HOST, port, patience=10) as client:
        await client.send(request(path, method=method, body=body))
        return json.loads((await client.read_response()).body)


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize(
    "fault, arrives, error",
    [
        (DiesAfter(3_000_001, delay=0.05), 3_000_001, ConnectionResetError),
        (EndsAfter(3_000_001), 3_000_001, type(None)),
        (Resets(), 0, ConnectionResetError),
        (Closes(), 0, type(None)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exactly_so_many_bytes_arrive_before_the_end(
    fault: Fault, arrives: int, error: type[object], is_tls: bool
) -> None:
    async def main() -> None:
        server, client_side = contexts()
        connect = asyncio.get_running_loop().create_connection
        dialled = partial(connect, ssl=client_side, server_hostname="node") if is_tls else connect
        async with (
            serving(fault, tls=server if is_tls else None) as service,
            dial(dialled, HOST, service.port, patience=10) as client,
        ):
            await client.send(request(KEY))
            body = (await client.read_to_end()).partition(b"\r\n\r\n")[2]
            assert (len(body), type(client.error)) == (arrives, error)
            assert matches(KEY, 0, body)

    run_on_sockets(main())


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a TLS server called `node` and of a client that trusts it."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("node").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_a_reader_that_pauses_gets_the_whole_object() -> None:
    async def main() -> None:
        connect = asyncio.get_running_loop().create_connection
        async with serving() as service, dial(connect, HOST, service.port, patience=10) as client:
            await client.send(request("/bench/16MiB") + request("/bench/7B"))
            await client.read_some()
            client.pause()
            for _ in range(100):
                await asyncio.sleep(0)
            client.resume()
            client.unread(bytes(client.received[: client.taken]))
            assert (await client.read_response()).body == content("/bench/16MiB", 0, 16 << 20)
            assert (await client.read_response()).body == content("/bench/7B", 0, 7)

    run_on_sockets(main())


async def is_silent(service: StorageService) -> bool:
    """Whether a connection to it is neither taken nor refused."""
    try:
        async with asyncio.timeout(SOON):
            async with dial(asyncio.get_running_loop().create_connection, HOST, service.port):
                return False
    except TimeoutError:
        return True


def test_a_port_refuses_drops_and_opens_again() -> None:
    async def main() -> None:
        async with serving(Refuses()) as service:
            for fault in (Refuses(), DropsConnects(), Refuses(), DropsConnects()):
                service.set_fault(fault)
                if isinstance(fault, Refuses):
                    with pytest.raises(ConnectionRefusedError):
                        await is_silent(service)
                else:
                    assert await is_silent(service)
                service.set_fault(Fails())
                assert not await is_silent(service)

    run_on_sockets(main())


@pytest.mark.parametrize("kind", [Refuses, DropsConnects])
@pytest.mark.parametrize("cuts", [False, True])
def test_open_connections_live_on_unless_they_are_cut(kind: type[Refuses | DropsConnects], cuts: bool) -> None:
    async def main() -> None:
        connect = asyncio.get_running_loop().create_connection
        async with serving() as service, dial(connect, HOST, service.port, patience=10) as client:
            await client.send(request("/bench/7B"))
            await client.read_response()
            service.set_fault(kind(cuts=cuts))
            await client.send(request("/bench/7B"))
            if cuts:
                with pytest.raises(TruncatedError, match="ConnectionResetError"):
                    await client.read_response()
            else:
                assert (await client.read_response()).status == 200

    run_on_sockets(main())


def test_orders_come_by_the_port() -> None:
    async def main() -> None:
        async with serving() as service:
            fault = json.dumps({"fault": "StallsAfter", "size": 3, "every": 2}).encode()
            expected = [to_json(StallsAfter(3, every=2))]
            assert await ask(service.port, "/-/fault", b"PUT", fault) == expected
            assert await ask(service.port, "/-/fault") == expected
            assert service.storage.faults == [StallsAfter(3, every=2)]
            assert await ask(service.port, "/-/fault", b"PUT", b"[]") == []
            stats = await ask(service.port, "/-/stats")
            assert (stats["attempts"], stats["statuses"]) == (0, {})

    run_on_sockets(main())


@pytest.mark.parametrize("text", [b"", b"[", b"[1]", b'{"fault": "Sleeps"}'])
def test_an_order_that_is_not_understood_changes_nothing(text: bytes) -> None:
    async def main() -> None:
        async with serving(Fails()) as service:
            assert "error" in await ask(service.port, "/-/fault", b"PUT", text)
            assert service.faults == (Fails(),)

    run_on_sockets(main())


def test_orders_reach_a_node_whose_port_is_shut(tmp_path_factory: pytest.TempPathFactory) -> None:
    line = tmp_path_factory.mktemp("s") / "node"  # a socket's path has at most 107 characters

    async def connect(protocol: Any, host: str, port: int) -> tuple[asyncio.BaseTransport, Client]:
        transport, client = await asyncio.get_running_loop().create_unix_connection(protocol, str(line))
        return transport, client

    async def main() -> None:
        async with serving(control=line) as service, dial(connect, "", 0, patience=10) as client:
            for text in (b'{"fault": "Refuses", "cuts": true}', b"[]"):
                await client.send(request("/-/fault", method=b"PUT", body=text))
                assert (await client.read_response()).status == 200
                with socket.socket() as probe:
                    assert (probe.connect_ex((HOST, service.port)) == 0) == (text == b"[]")

    run_on_sockets(main())


def test_a_node_that_is_busy_has_room_for_more_new_connections_than_asyncio_has_unless_told() -> None:
    """Regression: nodes dropped SYNs of s3edges, in load tests, beyond the hundredth at a time."""

    async def main() -> None:
        async with serving() as service:
            await ask(service.port, "/-/stats")
            with ExitStack() as stack:
                for _ in range(150):  # the loop stands still meanwhile
                    stack.enter_context(socket.create_connection((HOST, service.port), timeout=SOON))

    run_on_sockets(main())


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    async def main() -> None:
        async with serving() as service:
            with socket.socket() as taken:
                taken.bind((HOST, 0))
                with pytest.raises(OSError, match="in use"):
                    async with serving(port=taken.getsockname()[1]):
                        pass
            assert not await is_silent(service)

    run_on_sockets(main())


def test_faults_are_read_from_a_list_or_one_by_one() -> None:
    assert faults_of('{"fault": "Fails", "status": 502}') == [Fails(502)]
    assert faults_of(b'[{"fault": "Fails"}, {"fault": "Closes"}]') == [Fails(), Closes()]
