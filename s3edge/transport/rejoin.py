"""Going on with a body whose first node failed, where bytes must be skipped or chunks be coded anew.

The second node may send the body from its start, or in a length where the first one used chunks, or in other chunks.
The client must see none of that: what it gets now completes what it has. The plain rest of a body of known length is
not for this class: `transfer` can splice it.
"""

from typing import TypeVar

from s3edge.http1.body import BadBodyError, Dechunker, LengthBody, Rechunker
from s3edge.http1.head import CHUNKED
from s3edge.resilience.resume import Rest
from s3edge.transport.connection import Connection, Head
from s3edge.transport.transfer import Relay, SourceEndedError

S = TypeVar("S", bound=Head)
T = TypeVar("T", bound=Head)


class Rejoin(Relay):
    """Moves the rest of a body; `moved` counts the bytes of it, neither coding nor the `skipped` bytes before it.

    The source's body has `length` bytes, or is `CHUNKED`; `rest` is what of it goes on. `rest_of_chunk` is what the
    sink's present chunk lacks, as `ChunkedBody` has it; None if the sink's body is not in chunks.

    It ends as soon as the sink has all, when the source's body may not have ended: see `is_source_done`.
    """

    __slots__ = ("_dechunker", "_rechunker", "_rest", "skipped")

    def __init__(
        self,
        source: Connection[S],
        sink: Connection[T],
        length: int,
        rest: Rest,
        rest_of_chunk: int | None,
        limit: float,
        patience: float | None = None,
    ) -> None:
        self._dechunker = Dechunker() if length == CHUNKED else None
        super().__init__(source, sink, self._dechunker or LengthBody(length), limit, patience)
        self.skipped = 0
        self._rest = rest
        self._rechunker = None if rest_of_chunk is None else Rechunker(rest_of_chunk)

    @property
    def payload(self) -> int:
        """See `Transfer`."""
        return self.moved

    @property
    def rest_of_chunk(self) -> int | None:
        """See `Transfer`."""
        return None if self._rechunker is None else self._rechunker.rest_of_chunk

    @property
    def is_source_done(self) -> bool:
        """Whether the source's body has ended, too; if not, its connection cannot be used again."""
        return self._body.is_complete

    def begin(self, prefix: bytes) -> None:
        """Write `prefix` and what came along with the source's head."""
        source = self.source
        data, source.unread = source.unread, b""
        self._pass_on(data, prefix)
        if self.is_done:
            return
        if source.is_lost:
            self.source_ended(source.loss)
        else:
            self.go_on()

    def feed(self, data: memoryview | bytes) -> None:
        """See `Inflow`: a failure has cost more than the copies made here."""
        self._pass_on(data)
        if self.flow is not None and not self.is_done:
            self.go_on()

    def _pass_on(self, data: bytes | memoryview, prefix: bytes = b"") -> None:
        """Write what the sink lacks of `data`; what is not the body's stays with the source."""
        try:
            coded = self._coded(data)
        except BadBodyError as error:
            self.finish(error)
            return
        if prefix or coded:
            self.sink.transport.write(prefix + coded)
        if self.moved == self._rest.length:
            self.finish()
        elif self._body.is_complete:
            self.finish(SourceEndedError())

    def _coded(self, data: bytes | memoryview) -> bytes:
        """What the sink gets for `data`; raises `BadBodyError`."""
        size = self._body.take(data)
        if self.flow is not None:
            self.flow.allowance -= size  # what is skipped has cost the node as much
        if size < len(data):
            self.source.unread = bytes(data[size:])
        data = data[:size] if self._dechunker is None else self._dechunker.data()
        dropped = min(self._rest.skip - self.skipped, len(data))
        if dropped:
            self.skipped += dropped
            self._seen = -1  # the source is at work, although nothing moved
        body = bytes(data[dropped:])
        if self.moved + len(body) > self._rest.length:
            raise BadBodyError("there is more of it than its head told")
        self.moved += len(body)
        if self._rechunker is None:
            return body
        coded = self._rechunker.coded(body)
        return coded + self._rechunker.end() if self.moved == self._rest.length else coded
