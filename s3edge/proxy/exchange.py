"""One request and its answer: read this first.

`Exchanges.serve` is the whole path of a request as one straight function. Its stages stand in this order for a reason,
given beside each; the rest of the data path is what they call.
"""

import asyncio
from typing import Final

from s3edge.errors import EdgeError, Origin
from s3edge.events import End
from s3edge.http1.head import RequestHead
from s3edge.proxy.attempts import Attempts
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.progress import CUT, DONE, FAILED, REFUSED, Progress
from s3edge.proxy.relay import CutShortError, Relays
from s3edge.proxy.replies import Replies
from s3edge.routing.table import Table
from s3edge.s3.request import understand
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter


class Exchanges:
    """Serves the requests of one worker."""

    def __init__(
        self,
        hosts: tuple[bytes, ...],
        table: Table,
        attempts: Attempts,
        relays: Relays,
        replies: Replies,
        journal: Journal,
        meter: Meter,
    ) -> None:
        self._hosts = hosts
        self._table = table
        self._attempts = attempts
        self._relays = relays
        self._replies = replies
        self._emit = journal.record
        self._meter = meter
        self._now = asyncio.get_running_loop().time

    def drain(self) -> None:
        """Make every answer from now on the last of its connection."""
        self._relays.is_draining = True

    async def serve(self, client: ClientConnection, head: RequestHead) -> bool:
        """Answer one request. True if the connection may carry another one, False if it must close."""
        # Record: outermost, so that every outcome is counted, refusals and clients that left too.
        self._meter.exchanges_inflight += 1
        progress = Progress(client, head, understand(head, self._hosts), self._now(), self._emit)
        try:
            # Plan: which nodes may serve this, and what may be done to hide their failures.
            progress.plan = self._table.plan(progress.request.operation, progress.request.bucket)
            # Attempt: until an answer's head is here the client has seen nothing, so that another node can be asked.
            attempt = progress.attempt = await self._attempts.answered(progress)
            if progress.first_byte is None:
                progress.first_byte = self._now() - progress.started
            # Relay: the client has seen bytes; from here on another node can only go on at the very byte that is next.
            body = self._relays.begin(progress, attempt)
            if body is not None:
                await self._relays.finish(progress, body)
            progress.outcome = DONE
            return progress.stays
        except CutShortError:
            client.abort()
            return False
        except EdgeError as error:
            progress.outcome = REFUSED if error.origin is Origin.CLIENT else FAILED
            progress.status = error.status
            may_stay = not self._relays.is_draining
            trace = self._relays.trace(progress, "s3edge", error.status)
            return self._replies.send(client, head, error, may_stay=may_stay, trace=trace)
        finally:
            self._record(progress)

    def _record(self, progress: Progress) -> None:
        meter, request, now = self._meter, progress.request, self._now()
        meter.exchanges_inflight -= 1
        received = 0
        # Attempt and upload know the progress, too: a cycle would have to wait for the garbage collector.
        attempt, progress.attempt = progress.attempt, None
        upload, progress.upload = progress.upload, None
        if upload is not None:
            upload.stop()
            upload.forget()
            received = upload.moved
            meter.spliced_bytes += upload.spliced
        if attempt is not None:
            is_reusable = progress.is_reusable and progress.outcome is DONE
            attempt.end(_ENDS.get(progress.outcome, End.CLIENT_GONE), meter, now, is_reusable=is_reusable)
        meter.exchange(
            request.operation,
            progress.status,
            progress.outcome,
            received,
            progress.sent,
            progress.first_byte,
            now - progress.started,
        )


# How the attempt ended that an answer came from, if nothing worse was said of it.
_ENDS: Final = {DONE: End.DONE, CUT: End.BROKE_OFF, FAILED: End.GARBAGE, REFUSED: End.CLIENT_GONE}
