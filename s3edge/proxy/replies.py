"""The answers that s3edge gives instead of a node."""

from random import Random
from typing import Final

from s3edge.errors import EdgeError
from s3edge.http1.head import RequestHead
from s3edge.proxy.client import ClientConnection
from s3edge.s3.replies import error_reply, request_id

# When another try makes sense after a 503, in milliseconds: about when the next probe brings a node back.
RETRY_AFTER_MS: Final = 1000


class Replies:
    """Writes S3 errors, each with an id of its own; `last_id` is that of the last one."""

    def __init__(self, rng: Random) -> None:
        self._seed = rng.getrandbits(64)
        self._count = 0
        self.last_id = ""

    def send(
        self,
        client: ClientConnection,
        head: RequestHead | None,
        error: EdgeError,
        *,
        may_stay: bool,
        trace: bytes = b"",
    ) -> bool:
        """Answer with `error`; True if the connection may carry another request.

        It may not when the request had a body, of which an unknown part is still to come, or was not understood
        (`head` is None). `trace` is a line of its own, or empty.
        """
        stays = may_stay and head is not None and head.keep_alive and head.minor == 1 and head.length == 0
        self._count += 1
        self.last_id = request_id(self._count, self._seed)
        reply = error_reply(
            error.status,
            error.code,
            error.message,
            "" if head is None else head.target.partition(b"?")[0].decode("latin-1"),
            self.last_id,
            close=not stays,
            head_only=head is not None and head.method == b"HEAD",
            retry_after_ms=RETRY_AFTER_MS if error.status == 503 else None,
        )
        client.transport.write(reply.replace(b"\r\n", b"\r\n" + trace, 1))
        return stays
