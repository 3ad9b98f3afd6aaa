"""One request and its answer: read this first.

`Exchanges.serve` is the whole path of a request as one straight function. Its stages stand in this order for a reason,
given beside each; the rest of the data path is what they call.
"""

import asyncio
from typing import Final

from s3edge.errors import EdgeError, NodeError, Origin
from s3edge.http1.body import BadBodyError
from s3edge.http1.head import CHUNKED, UNTIL_CLOSE, RequestHead
from s3edge.proxy.attempts import Attempt, Attempts
from s3edge.proxy.client import STALL_LIMIT, ClientConnection
from s3edge.proxy.heads import for_client
from s3edge.proxy.replies import Replies
from s3edge.routing.table import Table
from s3edge.s3.request import S3Request, understand
from s3edge.telemetry.meter import Meter
from s3edge.transport.splice import Splice, Splicing, transfer
from s3edge.transport.transfer import SinkGoneError, SourceEndedError, StalledError, Transfer

DONE: Final = "done"
REFUSED: Final = "refused"
FAILED: Final = "failed"
CUT: Final = "cut"
GONE: Final = "client_gone"


class CutShortError(Exception):
    """A body ended in the middle: the client's connection must be cut, so that it sees that."""


class Progress:
    """What is known of an exchange so far; the meter is told at its end.

    `stays` and `is_reusable` tell whether the client's and the node's connection may carry another request.
    """

    __slots__ = ("first_byte", "is_reusable", "outcome", "sent", "started", "status", "stays")

    def __init__(self, started: float) -> None:
        self.started = started
        self.first_byte: float | None = None
        self.status = 0
        self.sent = 0
        self.outcome = GONE
        self.stays = False
        self.is_reusable = False


class Exchanges:
    """Serves the requests of one worker; `is_draining` makes every answer the last of its connection."""

    def __init__(
        self,
        hosts: tuple[bytes, ...],
        table: Table,
        attempts: Attempts,
        splicing: Splicing,
        replies: Replies,
        meter: Meter,
    ) -> None:
        self.is_draining = False
        self._hosts = hosts
        self._table = table
        self._attempts = attempts
        self._splicing = splicing
        self._replies = replies
        self._meter = meter
        self._now = asyncio.get_running_loop().time

    async def serve(self, client: ClientConnection, head: RequestHead) -> bool:
        """Answer one request. True if the connection may carry another one, False if it must close."""
        # Record: outermost, so that every outcome is counted, refusals and clients that left too.
        progress = Progress(self._now())
        self._meter.exchanges_inflight += 1
        attempt: Attempt | None = None
        request = understand(head, self._hosts)
        try:
            # Plan: which nodes may serve this, and how one of them is chosen.
            plan = self._table.plan(request.operation, request.bucket)
            # Attempt: until an answer's head is here the client has seen nothing, so failures can be hidden.
            attempt = await self._attempts.answered(client, head, request, plan)
            progress.first_byte = self._now() - progress.started
            # Relay: the client has seen bytes; from here on a failure can only be mended in place, or be shown.
            body = self._pass_on(client, head, attempt, progress)
            if body is not None:
                await self._relay(body, progress)
            progress.outcome = DONE
            return progress.stays
        except CutShortError:
            client.abort()
            return False
        except EdgeError as error:
            progress.outcome = REFUSED if error.origin is Origin.CLIENT else FAILED
            progress.status = error.status
            return self._replies.send(client, head, error, may_stay=not self.is_draining)
        finally:
            self._record(request, attempt, progress)

    def _pass_on(
        self, client: ClientConnection, head: RequestHead, attempt: Attempt, progress: Progress
    ) -> Transfer | None:
        """Write the answer's head with what is here of its body. The rest, if any, is returned, on its way."""
        answer, connection = attempt.answer, attempt.connection
        length = answer.length
        if length == CHUNKED and head.minor == 0:
            raise NodeError("BadGateway", "The storage node answered an HTTP/1.0 request in chunks.")
        # A body that was announced and not sent whole leaves neither connection usable: what comes next on them would
        # be taken for its rest.
        is_clean = attempt.is_body_sent and length != UNTIL_CLOSE
        progress.is_reusable = is_clean and answer.keep_alive and head.minor == 1
        progress.stays = is_clean and head.keep_alive and answer.minor == 1 and not self.is_draining
        progress.status = answer.status
        raw = for_client(answer, head, is_last=not progress.stays)
        if 0 <= length <= connection.unread_size:
            client.transport.write(connection.take_message(raw, length))
            progress.sent = length
            return None
        body = transfer(connection, client, length, STALL_LIMIT, self._splicing)
        body.start(raw)
        return body

    async def _relay(self, body: Transfer, progress: Progress) -> None:
        """Wait for a body; one that cannot be finished cuts the client's connection, where that cannot be missed."""
        try:
            await body.finished()
        except (SourceEndedError, StalledError, BadBodyError) as error:
            progress.outcome = CUT
            raise CutShortError from error
        except SinkGoneError as error:
            raise CutShortError from error
        finally:
            body.cancel()
            progress.sent = body.moved
            self._count_splice(body)

    def _record(self, request: S3Request, attempt: Attempt | None, progress: Progress) -> None:
        meter = self._meter
        meter.exchanges_inflight -= 1
        received = 0
        if attempt is not None:
            is_reusable = progress.is_reusable and progress.outcome is DONE
            attempt.end(progress.outcome, meter, is_reusable=is_reusable)
            if attempt.upload is not None:
                received = attempt.upload.moved
                self._count_splice(attempt.upload)
        meter.exchange(
            request.operation,
            progress.status,
            progress.outcome,
            received,
            progress.sent,
            progress.first_byte,
            self._now() - progress.started,
        )

    def _count_splice(self, body: Transfer) -> None:
        if isinstance(body, Splice):
            self._meter.spliced_bytes += body.moved
