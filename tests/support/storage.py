"""A storage node with S3's GET, HEAD, PUT and DELETE that misbehaves on demand, in memory and on real sockets.

Every object exists on every node until it is put or deleted there: its bytes follow from its path (`objects`). Faults
can be changed at any time; they befall requests whose heads come later.

    async with Storage(DiesAfter(1000, next=1)) as storage:
        network.listen(address, storage.accept)
        storage.set_fault(StallsAfter(4096, seconds=5))

Waits are timers of the loop, so in virtual time each byte has its exact instant.
"""

import itertools
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from tests.support.active_fault import ActiveFault
from tests.support.answers import Answer, Item, Request, failure, generated, read_answer
from tests.support.faults import Fault, OtherObject
from tests.support.storage_connection import StorageConnection

# Of the last requests and uploads a node can tell; so many, that a long load test stays in memory.
REMEMBERED: Final = 1000

Route = Callable[[Request], Answer]


class Storage:
    """One node. `connections` are all that were ever accepted; `requests` the last ones that were no probes.

    Give `accept` to `Network.listen` or `loop.create_server`. The block's end resets what is open. GET and HEAD of
    `health_path` are probes. `routes` answer requests for a path in place of the storage; they never fail nor count.
    """

    def __init__(
        self,
        *faults: Fault,
        health_path: str = "/health",
        is_versioned: bool = False,
        routes: dict[str, Route] | None = None,
    ) -> None:
        self.connections: list[StorageConnection] = []
        self.requests: deque[Request] = deque(maxlen=REMEMBERED)
        self.uploads: deque[Request] = deque(maxlen=REMEMBERED)
        self.attempts = 0
        self.probes = 0
        self.sent = 0
        self.statuses: Counter[int] = Counter()
        self._active: list[ActiveFault] = []
        self._health_path = health_path
        self._is_versioned = is_versioned
        self._routes = routes or {}
        # None for what was deleted.
        self._stored: dict[str, Item | None] = {}
        self._ids = itertools.count(1)
        self.set_fault(*faults)

    def set_fault(self, *faults: Fault) -> None:
        """From the next request on these faults, which take effect in this order, and no others."""
        self._active = [ActiveFault(fault) for fault in faults]

    def clear(self) -> None:
        """From the next request on nothing is wrong."""
        self.set_fault()

    @property
    def faults(self) -> list[Fault]:
        return [active.fault for active in self._active]

    def accept(self) -> StorageConnection:
        """The protocol of a new connection."""
        return StorageConnection(self)

    def reset_connections(self) -> None:
        """What clients see when the node's process is killed."""
        for connection in self.connections:
            connection.reset()

    def stats(self) -> dict[str, Any]:
        """What the node did, ready for JSON: counts, bytes sent, and the last uploads."""
        return {
            "attempts": self.attempts,
            "probes": self.probes,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "sent": self.sent,
            "accepted": len(self.connections),
            "open": sum(not connection.is_lost for connection in self.connections),
            "uploads": [
                {"path": upload.path, "size": upload.body_size, "sha256": upload.sha256} for upload in self.uploads
            ],
        }

    # What connections ask.

    def begin(self, request: Request) -> list[ActiveFault]:
        """Count a request whose head came, and say what befalls it."""
        if request.path in self._routes:
            return []
        is_probe = self._is_probe(request)
        if is_probe:
            self.probes += 1
        else:
            self.attempts += 1
            self.requests.append(request)
        if not self._active:
            return []
        item = self._item(request.path)
        size = item.size if item else 0
        return [active for active in self._active if active.befalls(request, size, is_probe)]

    def answer(self, request: Request, befallen: list[ActiveFault]) -> Answer:
        """The answer to a request that is there as a whole, or is refused before."""
        route = self._routes.get(request.path)
        if route is not None:
            return route(request)
        faults = [active.fault for active in befallen]
        if any(fault.is_refusal for fault in faults):
            answer = failure(request, 503, "ServiceUnavailable")
        else:
            answer = self._answer_in_order(request, faults)
        for fault in faults:
            answer = fault.alter(request, answer)
        answer.fields["x-amz-request-id"] = f"{next(self._ids):016X}"
        return answer

    def opened(self, connection: StorageConnection) -> None:
        self.connections.append(connection)

    def count_sent(self, size: int) -> None:
        self.sent += size

    def count_answer(self, request: Request, status: int) -> None:
        """Count an answer whose head is sent."""
        if request.path not in self._routes and not self._is_probe(request):
            self.statuses[status] += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.reset_connections()
        for connection in self.connections:
            await connection.lost()

    def _is_probe(self, request: Request) -> bool:
        return request.path == self._health_path and request.is_read

    def _item(self, path: str, generation: int = 0) -> Item | None:
        return self._stored[path] if path in self._stored else generated(path, generation)

    def _answer_in_order(self, request: Request, faults: list[Fault]) -> Answer:
        if self._is_probe(request):
            return Answer(200, {"Content-Length": "0"})
        if request.is_read:
            return self._answer_read(request, faults)
        if request.method == b"DELETE":
            self._stored[request.path] = None
            return Answer(204, {}, is_bodiless=True)
        if request.method in (b"PUT", b"POST"):
            return self._answer_upload(request)
        return failure(request, 405, "MethodNotAllowed")

    def _answer_read(self, request: Request, faults: list[Fault]) -> Answer:
        generation, keeps_conditions = 0, True
        for fault in faults:
            if isinstance(fault, OtherObject) and (request.header(b"range") or not fault.only_ranged):
                generation, keeps_conditions = fault.generation, not fault.ignores_conditions
        item = self._item(request.path, generation)
        answer = read_answer(request, item, keeps_conditions=keeps_conditions)
        if self._is_versioned and answer.status in (200, 206):
            answer.fields["x-amz-version-id"] = f"generation-{generation}"
        return answer

    def _answer_upload(self, request: Request) -> Answer:
        self.uploads.append(request)
        tag = f'"{request.sha256[:32]}"'
        # Parts of multipart uploads and framed bodies are not the object.
        is_object = request.method == b"PUT" and b"?" not in request.target
        is_plain = b"aws-chunked" not in (request.header(b"content-encoding") or b"")
        if is_object and is_plain and request.body is not None:
            self._stored[request.path] = Item(request.path, request.body_size, tag, stored=request.body)
        return Answer(200, {"ETag": tag, "Content-Length": "0"})
