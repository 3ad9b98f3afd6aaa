"""The body of a request on its way to a node, or to one node after the other."""

from collections.abc import Callable

from s3edge.http1.body import body_of
from s3edge.http1.head import RequestHead
from s3edge.proxy.client import STALL_LIMIT, ClientConnection
from s3edge.transport.pacing import Flow
from s3edge.transport.recording import Kept, Recording, Room
from s3edge.transport.splice import Splice, Splicing, transfer
from s3edge.transport.transfer import Transfer
from s3edge.upstream.connection import NodeConnection


class Upload:
    """One request body; its owner calls `stop` and `forget` at the end.

    A body of up to `limit` bytes is kept while it is moved, so that it can be sent again. A small one is often all here
    with its head: then it is written at once, and there is nothing to move. `flow` is what paces it, if anything does.
    """

    __slots__ = ("_body", "_client", "_here", "_is_kept", "_kept", "_length", "_splicing", "flow", "transfer")

    def __init__(self, client: ClientConnection, head: RequestHead, limit: int, room: Room, splicing: Splicing) -> None:
        self.transfer: Transfer | None = None
        self.flow: Flow | None = None
        self._client = client
        self._length = length = head.length
        self._splicing = splicing
        self._is_kept = limit > 0 and length <= limit  # so is one in chunks, as far as is known
        self._here: bytes | None = None
        if 0 <= length <= client.unread_size:
            self._here = client.take_message(b"", length)
            return
        self._kept = Kept(limit, room) if self._is_kept else None
        self._body = body_of(length)

    @property
    def is_here(self) -> bool:
        """Whether it is all here with its head."""
        return self._here is not None

    @property
    def moved(self) -> int:
        """Body bytes that came from the client."""
        if self._here is not None:
            return self._length
        return 0 if self.transfer is None else self.transfer.moved

    @property
    def spliced(self) -> int:
        """Those of them that stayed in the kernel."""
        return self.transfer.moved if isinstance(self.transfer, Splice) else 0

    @property
    def is_sent(self) -> bool:
        """Whether the present node was given the whole body."""
        if self._here is not None:
            return True
        return self.transfer is not None and self.transfer.is_done and self.transfer.error is None

    @property
    def is_whole(self) -> bool:
        """Whether the body can be sent from its first byte: none of it has left the client, or all that has is kept."""
        if self._here is not None:
            return self._is_kept
        is_untouched = self.transfer is None or self.transfer.taken == 0
        return is_untouched or (self._kept is not None and self._kept.is_all)

    def send(self, connection: NodeConnection, raw: bytes, ended: Callable[[Exception | None], None]) -> None:
        """Write `raw`, a head, and the body to a node, from its first byte; `ended` is called with what went wrong."""
        if self._here is not None:
            connection.transport.write(raw + self._here)
            ended(None)
            return
        if self.flow is not None:
            self.flow.begin()
        already = None if self._kept is None else self._kept.data
        if self._kept is None or already is None:
            self.transfer = transfer(self._client, connection, self._length, self._splicing, STALL_LIMIT)
            self.transfer.flow = self.flow
            self.transfer.start(raw, ended)
            return
        self.transfer = recording = Recording(self._client, connection, self._body, STALL_LIMIT, self._kept)
        recording.moved = len(already)
        recording.flow = self.flow
        recording.start(raw + already, ended)

    def pace(self, flow: Flow) -> None:
        """Have `flow` pace it from now on, also while it moves."""
        self.flow = flow
        if self.transfer is not None:
            self.transfer.flow = flow

    def stop(self) -> None:
        """Send no more of it to the present node."""
        if self.transfer is not None:
            self.transfer.cancel()
        elif self.flow is not None:
            self.flow.leave()  # it never went anywhere

    def forget(self) -> None:
        """Keep it no longer: the answer is there, or none will be waited for."""
        if self._here is None and self._kept is not None:
            self._kept.forget()
