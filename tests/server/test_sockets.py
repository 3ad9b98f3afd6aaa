import socket
from collections.abc import Iterator

import pytest

from s3edge.config.address import Address
from s3edge.config.admin import Admin
from s3edge.errors import StartError
from s3edge.server.sockets import address_of, close, listen_alone, listen_for_operators, listen_shared

ANY_PORT = Address("127.0.0.1", 0)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Sockets to be closed at the end of the test."""
    opened: list[socket.socket] = []
    yield opened
    close(opened)


def test_workers_share_one_port_that_the_system_chose(sockets: list[socket.socket]) -> None:
    sockets += listen_shared(ANY_PORT, 3)
    assert len({address_of(sock) for sock in sockets}) == 1
    assert address_of(sockets[0]).port != 0


def test_connections_are_spread_over_the_shared_sockets(sockets: list[socket.socket]) -> None:
    listeners = listen_shared(ANY_PORT, 2)
    sockets += listeners
    address = address_of(listeners[0])
    # The kernel chooses by a hash of the ports: that 64 clients all fall to one of two is a matter of 2 in 2**64.
    sockets += [socket.create_connection((address.host, address.port), timeout=5) for _ in range(64)]
    for listener in listeners:
        client, _ = listener.accept()
        client.close()


@pytest.mark.parametrize("holder", ["shared", "alone"])
@pytest.mark.parametrize("newcomer", ["shared", "alone"])
def test_a_port_in_use_is_one_clear_line(sockets: list[socket.socket], holder: str, newcomer: str) -> None:
    sockets += listen_shared(ANY_PORT, 1) if holder == "shared" else [listen_alone(ANY_PORT)]
    address = address_of(sockets[0])
    with pytest.raises(StartError) as caught:
        sockets.extend(listen_shared(address, 2) if newcomer == "shared" else [listen_alone(address)])
    assert str(caught.value) == (
        f"cannot listen on {address}: another process already uses it; stop that process or choose another port"
    )


def test_a_port_is_free_again_at_once_after_a_connection_was_served(sockets: list[socket.socket]) -> None:
    [listener] = listen_shared(ANY_PORT, 1)
    address = address_of(listener)
    with socket.create_connection((address.host, address.port), timeout=5):
        served, _ = listener.accept()
        served.close()  # The side that closes first keeps the port in TIME_WAIT.
    listener.close()
    sockets += listen_shared(address, 1)


@pytest.mark.parametrize(
    "host,message",
    [
        ("no-such-host.invalid", "the host 'no-such-host.invalid' is unknown"),
        ("192.0.2.1", "this machine has no such address"),
        ("a" * 64, "is unknown"),
    ],
)
def test_an_address_of_somewhere_else_is_one_clear_line(host: str, message: str) -> None:
    with pytest.raises(StartError, match=message) as caught:
        listen_alone(Address(host, 9000))
    assert "\n" not in str(caught.value)


def test_localhost_means_ipv4_where_both_are_there(sockets: list[socket.socket]) -> None:
    sockets.append(listen_alone(Address("localhost", 0)))
    assert address_of(sockets[0]).host == "127.0.0.1"


def test_every_ipv6_address_takes_ipv4_clients_too(sockets: list[socket.socket]) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    sockets.append(listen_alone(Address("::", 0)))
    with socket.create_connection(("127.0.0.1", address_of(sockets[0]).port), timeout=5):
        pass


def test_closing_twice_does_no_harm() -> None:
    opened = listen_shared(ANY_PORT, 2)
    close(opened)
    close(opened)
    assert opened == []


@pytest.mark.parametrize("admin", [{"address": "127.0.0.1:0"}, {"address": "0.0.0.0:0", "token": "0123456789abcdef"}])
def test_operators_come_by_loopback_or_with_a_token(admin: dict[str, str], sockets: list[socket.socket]) -> None:
    sockets.append(listen_for_operators(Admin.model_validate(admin)))
    assert address_of(sockets[0]).host == admin["address"].partition(":")[0]


def test_no_socket_is_left_open_to_others_without_a_token() -> None:
    with pytest.raises(StartError) as caught:
        listen_for_operators(Admin(address=Address("0.0.0.0", 0)))
    assert str(caught.value) == (
        "admin.address: 0.0.0.0:0 is not loopback, and there is no token; "
        "set admin.token or the environment variable S3EDGE_ADMIN_TOKEN"
    )
