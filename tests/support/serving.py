"""A storage node on a real port of loopback, and the faults that only a listening socket can have.

Besides S3 it answers `GET /-/stats` with its counts, `PUT /-/fault` with a JSON list of faults to have from now on,
and `GET /-/fault`; on its port, and on a Unix socket if it is given one, since a port that refuses takes no orders.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.answers import Answer, Request
from tests.support.faults import DropsConnects, Fault, Refuses, from_json, to_json
from tests.support.storage import Route, Storage

HOST: Final = "127.0.0.1"
# More than any load test has connections; nodes shall not drop SYNs unless told to.
BACKLOG: Final = 4096
# A queue of length 0 still takes one connection (Linux, sk_acceptq_is_full); a second one makes sure that it is full.
FILLERS: Final = 2


class Door:
    """A port: open, shut (connections are refused) or blocked (SYNs are dropped). Port 0 takes a free one."""

    def __init__(self, accept: Callable[[], asyncio.Protocol], port: int, tls: ssl.SSLContext | None) -> None:
        self._accept = accept
        self._tls = tls
        self._opening: asyncio.Task[asyncio.Server] | None = None
        self._sockets: list[socket.socket] = []
        # Bound and never listening: the port stays ours while it refuses.
        self._reservation = _bound(port)
        self.port: int = self._reservation.getsockname()[1]

    def open(self) -> None:
        """Take connections."""
        if self._opening is None:
            self.shut()
            # The kernel takes connections from here on; the loop accepts them when it has turned.
            listener = self._listen(BACKLOG)
            serve = asyncio.get_running_loop().create_server(
                self._accept, sock=listener, backlog=BACKLOG, ssl=self._tls
            )
            self._opening = asyncio.create_task(serve, name="open door")

    def shut(self) -> None:
        """Refuse connections; those that were taken live on."""
        if self._opening is not None:
            if self._opening.done():
                self._opening.result().close()
            self._opening.cancel()
            self._opening = None
        while self._sockets:
            self._sockets.pop().close()

    def block(self) -> None:
        """Answer no SYN: the queue is full, and nobody accepts."""
        self.shut()
        self._listen(0)
        for _ in range(FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((HOST, self.port))
            self._sockets.append(filler)

    def close(self) -> None:
        """Give the port back."""
        self.shut()
        self._reservation.close()

    def _listen(self, backlog: int) -> socket.socket:
        listener = _bound(self.port)
        listener.listen(backlog)
        self._sockets.append(listener)
        return listener


class StorageService:
    """A storage node behind its door; `set_fault` and `clear` take all faults."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        routes: dict[str, Route] = {"/-/stats": self._tell, "/-/fault": self._obey}
        self.storage = Storage(routes=routes, **options)
        # Of its own, so that orders are neither counted nor cut.
        self.control = Storage(routes=routes)
        self.door = Door(self.storage.accept, port, tls)
        self.faults: Sequence[Fault] = ()

    @property
    def port(self) -> int:
        return self.door.port

    def set_fault(self, *faults: Fault) -> None:
        """From now on these faults and no others."""
        self.faults = faults
        self.storage.set_fault(*(fault for fault in faults if not isinstance(fault, Refuses | DropsConnects)))
        of_door = [fault for fault in faults if isinstance(fault, Refuses | DropsConnects)]
        if not of_door:
            self.door.open()
        elif any(isinstance(fault, Refuses) for fault in of_door):
            self.door.shut()
        else:
            self.door.block()
        if any(fault.cuts for fault in of_door):
            self.storage.reset_connections()

    def clear(self) -> None:
        """From now on nothing is wrong."""
        self.set_fault()

    def _tell(self, request: Request) -> Answer:
        return _json(200, self.storage.stats())

    def _obey(self, request: Request) -> Answer:
        if request.method == b"PUT":
            try:
                self.set_fault(*faults_of(request.body or b""))
            except ValueError as error:
                return _json(400, {"error": str(error)})
        return _json(200, [to_json(fault) for fault in self.faults])


def faults_of(text: bytes | str) -> list[Fault]:
    """The faults of a JSON document: a list of them, or a single one. Raises ValueError."""
    document = json.loads(text)
    return [from_json(each) for each in (document if isinstance(document, list) else [document])]


@asynccontextmanager
async def serving(
    *faults: Fault, port: int = 0, control: Path | None = None, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[StorageService]:
    """A storage node on a port, with these faults at first; takes orders at the Unix socket `control` too.

    `options` are those of `Storage`. The block's end resets all connections and closes the port. Raises OSError.
    """
    service = StorageService(port, tls, **options)
    try:
        async with service.control, service.storage:
            service.set_fault(*faults)
            if control is None:
                yield service
            else:
                loop = asyncio.get_running_loop()
                async with await loop.create_unix_server(service.control.accept, control):
                    yield service
            service.door.shut()
    finally:
        service.door.close()


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    # Without it a node could not come back while connections of its last life sit in TIME_WAIT.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock


def _json(status: int, document: Any) -> Answer:
    body = json.dumps(document).encode() + b"\n"
    return Answer(status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)
