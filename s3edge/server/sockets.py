"""The listening sockets: checked, bound and opened before anything else starts, so a fault is one clear line.

Every worker gets a socket of its own on the same address (SO_REUSEPORT), and the kernel shares connections out among
them. The supervisor opens them and keeps them: when a worker dies, what is queued on its socket waits for the next one.
"""

import errno
import socket

from s3edge.config.address import Address
from s3edge.config.admin import TOKEN_VARIABLE, Admin
from s3edge.errors import StartError
from s3edge.proxy.listener import BACKLOG


def listen_shared(address: Address, count: int) -> list[socket.socket]:
    """`count` listening sockets on one address, for workers to share; port 0 takes a free one. Raises StartError."""
    family, numeric = _resolve(address)
    # SO_REUSEPORT would quietly share the port with another s3edge of the same user; a bind without it does not.
    _bind(family, numeric, is_shared=False).close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = _bind(family, numeric, is_shared=True)
            sockets.append(sock)
            _listen(sock)
            numeric = address_of(sock)
    except StartError:
        close(sockets)
        raise
    return sockets


def listen_alone(address: Address) -> socket.socket:
    """One listening socket that nobody shares; port 0 takes a free one. Raises StartError."""
    sock = _bind(*_resolve(address), is_shared=False)
    try:
        _listen(sock)
    except StartError:
        sock.close()
        raise
    return sock


def listen_for_operators(admin: Admin) -> socket.socket:
    """The listening socket of the admin server. Raises StartError, also if others may reach it without a token.

    A configuration is checked for that; here it is known what the name in it means on this machine.
    """
    sock = listen_alone(admin.address)
    if admin.token is None and not address_of(sock).is_loopback:
        sock.close()
        raise StartError(
            f"admin.address: {admin.address} is not loopback, and there is no token; "
            f"set admin.token or the environment variable {TOKEN_VARIABLE}"
        )
    return sock


def close(sockets: list[socket.socket]) -> None:
    """Close all of them and empty the list."""
    while sockets:
        sockets.pop().close()


def address_of(sock: socket.socket) -> Address:
    """Where a socket listens."""
    host, port, *_ = sock.getsockname()
    return Address(host, port)


def _resolve(address: Address) -> tuple[socket.AddressFamily, Address]:
    """The numeric address to bind to; IPv4 first, since most clients dial "localhost" so."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise StartError(
            f"cannot listen on {address}: the host {address.host!r} is unknown; "
            "use an address of this machine, or 0.0.0.0 for all"
        ) from error
    family, _, _, _, numeric = min(found, key=lambda info: info[0] != socket.AF_INET)
    return family, Address(str(numeric[0]), address.port)


def _bind(family: socket.AddressFamily, address: Address, *, is_shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restart would fail while connections of the last run sit in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((address.host, address.port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise StartError(_explain(address, error)) from error
    return sock


def _listen(sock: socket.socket) -> None:
    try:
        sock.listen(BACKLOG)
    except OSError as error:  # Linux may find out only here that the address is taken.
        raise StartError(_explain(address_of(sock), error)) from error


def _explain(address: Address, error: OSError) -> str:
    cannot = f"cannot listen on {address}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{cannot}: another process already uses it; stop that process or choose another port"
        case errno.EACCES:
            return f"{cannot}: permission denied; choose a port from 1024 up or grant CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return f"{cannot}: this machine has no such address; use one of its own, or 0.0.0.0 for all"
        case _:
            return f"{cannot}: {error.strerror or error}"
