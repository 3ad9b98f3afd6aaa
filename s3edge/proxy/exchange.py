"""One request and its answer: read this first.

`Exchanges.serve` is the whole path of a request as one straight function. Its stages stand in this order for a reason,
given beside each; the rest of the data path is what they call.
"""

import asyncio
from typing import Final

from s3edge.errors import SLOW_DOWN, EdgeError, Origin, Overloaded
from s3edge.events import Cause, End, RequestShed
from s3edge.http1.head import RequestHead
from s3edge.proxy.admission import Admission
from s3edge.proxy.attempts import Attempts
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.lookout import Lookout
from s3edge.proxy.progress import CUT, DONE, FAILED, REFUSED, Progress, Reader
from s3edge.proxy.relay import CutShortError, Relays
from s3edge.proxy.replies import Replies
from s3edge.proxy.rules import Rules
from s3edge.proxy.tracing import Sampler
from s3edge.s3.operation import KINDS
from s3edge.s3.request import understand
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter


class Exchanges:
    """Serves the requests of one worker, by its `rules`.

    `lookout` counts them for the runaway guard, `sampler` chooses those that are traced, None: none. `readers` are told
    of each at its end.
    """

    def __init__(
        self,
        rules: Rules,
        admission: Admission,
        attempts: Attempts,
        relays: Relays,
        replies: Replies,
        journal: Journal,
        meter: Meter,
    ) -> None:
        self.rules = rules
        self._admission = admission
        self._attempts = attempts
        self._relays = relays
        self._replies = replies
        self._emit = journal.record
        self._meter = meter
        self.lookout = Lookout()
        self.sampler: Sampler | None = None
        self.readers: tuple[Reader, ...] = ()
        self._now = asyncio.get_running_loop().time

    def drain(self) -> None:
        """Make every answer from now on the last of its connection."""
        self._relays.is_draining = True

    async def welcome_late(self, client: ClientConnection) -> bool:
        """Whether a client may stay whose connection was one too many when it came."""
        return await self._admission.connect_late(client)

    async def turn_away(self, client: ClientConnection) -> Overloaded:
        """What to tell a client whose connection is one too many; late, if it has been told so often of late."""
        reason = "too many connections are open"
        self._emit(RequestShed("", None, client.tenant, Cause.LIMIT, reason))
        await self._admission.hold_back(client)
        return Overloaded(f"More is asked for than is allowed: {reason}.", code=SLOW_DOWN)

    async def serve(self, client: ClientConnection, head: RequestHead) -> bool:
        """Answer one request. True if the connection may carry another one, False if it must close."""
        # Record: outermost, so that every outcome is counted, refusals and clients that left too.
        self._meter.exchanges_inflight += 1
        progress = client.progress = Progress(client, head, understand(head, self.rules.hosts), self._now(), self._emit)
        try:
            # Trace: before anything can take time, so that spans tell all of it.
            if self.sampler is not None:
                progress.trace = self.sampler.trace(head, progress.started)
            # Identify: limits belong to a tenant, and so may all that policies decide.
            tenant = progress.tenant = self.rules.identity.tenant(client, head)
            # Plan: which nodes may serve this, what may be done to hide their failures, and how much is too much.
            request = progress.request
            progress.plan = self.rules.table.plan(tenant, request.operation, request.bucket, request.raw_key)
            # Admit: before any node is asked, since what is shed must cost the storage nothing.
            if self._admission.concerns(progress) and not self._admission.enter(progress, progress.started):
                await self._wait(progress)
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
            if isinstance(error, Overloaded) and error.code == SLOW_DOWN:
                await self._admission.refuse(progress)
            progress.outcome = REFUSED if error.origin is Origin.CLIENT else FAILED
            progress.status = error.status
            may_stay = not (self._relays.is_draining or error.ends_connection)
            trace = self._relays.trace(progress, "s3edge", error.status)
            stays = self._replies.send(client, head, error, may_stay=may_stay, trace=trace)
            progress.refusal = error.code, self._replies.last_id
            return stays
        finally:
            self._record(progress)

    async def _wait(self, progress: Progress) -> None:
        try:
            await self._admission.wait(progress)
        finally:
            now = self._now()
            progress.waited = now - progress.started
            self._meter.waited(progress.tenant, KINDS[progress.request.operation], progress.waited)
            if progress.trace is not None:
                progress.trace.admitted = now

    def _record(self, progress: Progress) -> None:
        meter, request, now = self._meter, progress.request, self._now()
        meter.exchanges_inflight -= 1
        received = 0
        duration = now - progress.started
        stalled = progress.gaps + (duration if progress.first_byte is None else progress.first_byte)
        # Client, attempt and upload know the progress, too: a cycle would have to wait for the garbage collector.
        progress.client.progress = None
        attempt, progress.attempt = progress.attempt, None
        upload, progress.upload = progress.upload, None
        if progress.is_admitted:
            self._admission.leave(progress)
        if upload is not None:
            # Until its body was all there, the request waited for its client.
            stalled = max(0.0, stalled + progress.started - progress.waits_since) if upload.is_sent else progress.gaps
            upload.stop()
            upload.forget()
            meter.uploads[request.payload_kind] += 1
            received = upload.moved
            meter.spliced_bytes += upload.spliced
        if attempt is None and progress.prepaid:
            progress.track.first.tabs.settle(progress.tenant, received, progress.prepaid, now)
        if attempt is not None:
            tabs = attempt.standing.tabs
            if tabs.is_contended or progress.prepaid:
                tabs.settle(progress.tenant, received + progress.sent, progress.prepaid, now)
            is_reusable = progress.is_reusable and progress.outcome is DONE
            attempt.end(_ENDS.get(progress.outcome, End.CLIENT_GONE), meter, now, is_reusable=is_reusable)
        meter.exchange(
            progress.tenant,
            request.operation,
            progress.status,
            progress.outcome,
            received,
            progress.sent,
            progress.first_byte,
            duration,
        )
        meter.stalled[progress.tenant] += stalled
        if progress.plan.guard_of:
            self.lookout.ended(progress, received)
        if self.readers:
            progress.node = "" if attempt is None else attempt.standing.node.name
            for reader in self.readers:
                reader(progress, received, now)


# How the attempt ended that an answer came from, if nothing worse was said of it.
_ENDS: Final = {DONE: End.DONE, CUT: End.BROKE_OFF, FAILED: End.GARBAGE, REFUSED: End.CLIENT_GONE}
