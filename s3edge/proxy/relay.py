"""Passing an answer on: its head, then its body, which goes on from another node when it breaks in the middle.

From the first byte on the client has seen an answer, so a failure can be mended by the missing bytes alone.
Where that cannot be done for sure, the client's connection is cut, so that it sees that the body is not whole.
"""

import asyncio
from typing import Final

from s3edge.errors import EdgeError, NodeError
from s3edge.events import BodyBroken, BodyCut, BodyResumed, End
from s3edge.http1.body import BadBodyError
from s3edge.http1.head import CHUNKED, TRACE, UNTIL_CLOSE
from s3edge.proxy.attempt import Attempt
from s3edge.proxy.attempts import Attempts
from s3edge.proxy.client import STALL_LIMIT
from s3edge.proxy.heads import for_client, for_node
from s3edge.proxy.pacing import Pacing
from s3edge.proxy.progress import CUT, Progress
from s3edge.proxy.race import Sending
from s3edge.resilience.resume import NotResumableError, Rest, Resumption, is_fresh, resumption
from s3edge.s3.operation import TRAITS
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.trace import trace_value
from s3edge.transport.rejoin import Rejoin
from s3edge.transport.splice import Splice, Splicing, transfer
from s3edge.transport.transfer import LOOKS, SinkGoneError, SinkStalledError, SourceEndedError, StalledError, Transfer
from s3edge.transport.wheel import FINE_TICK

# A node that has begun to send may pause for as long as it would be given to begin twice.
_PAUSES: Final = 2.0
# Nodes that one after the other break off at the very same byte do so for a reason that no further node would mend.
MOST_VAIN: Final = 3


class CutShortError(Exception):
    """A body ended in the middle: the client's connection must be cut, so that it sees that."""


class Relays:
    """Passes the answers of one worker on; `traces_all` says that every answer tells its story."""

    def __init__(self, attempts: Attempts, pacing: Pacing, splicing: Splicing, meter: Meter, traces_all: bool) -> None:
        self.is_draining = False
        self._attempts = attempts
        self._pacing = pacing
        self._splicing = splicing
        self._meter = meter
        self._traces_all = traces_all
        self._now = asyncio.get_running_loop().time

    def begin(self, progress: Progress, attempt: Attempt) -> Transfer | None:
        """Write the answer's head with what is here of its body. The rest, if any, is returned, on its way."""
        head, answer, connection = progress.head, attempt.answer, attempt.connection
        length = answer.length
        if length == CHUNKED and head.minor == 0:
            raise NodeError("BadGateway", "The storage node answered an HTTP/1.0 request in chunks.")
        # A body that was announced and not sent whole leaves neither connection usable: what comes next on them would
        # be taken for its rest.
        is_clean = length != UNTIL_CLOSE and (progress.upload is None or progress.upload.is_sent)
        progress.is_reusable = is_clean and answer.keep_alive and head.minor == 1
        progress.stays = is_clean and head.keep_alive and answer.minor == 1 and not self.is_draining
        progress.status = answer.status
        progress.answer = answer
        trace = b""
        if self._traces_all or head.asks_trace:
            trace = self.trace(progress, attempt.node, answer.status)
        raw = for_client(answer, head, is_last=not progress.stays, trace=trace)
        if 0 <= length <= connection.unread_size:
            progress.client.transport.write(connection.take_message(raw, length))
            progress.sent = length
            if length and (progress.is_admitted or attempt.standing.link is not None):
                self._pacing.charge(progress, attempt.standing, length, self._now())
            return None
        connection.timer.clear()  # of the wait for the head
        body = transfer(connection, progress.client, length, self._splicing, STALL_LIMIT, self._patience(progress))
        if progress.is_admitted or attempt.standing.link is not None:
            body.flow = self._pacing.answer(progress, attempt.standing)
        body.start(raw)
        return body

    def trace(self, progress: Progress, who: str, status: int) -> bytes:
        """The line of a head that tells what was tried for the request before `who` answered; empty if nobody asks."""
        if not (self._traces_all or progress.head.asks_trace):
            return b""
        waited = (self._now() - progress.started) * 1000
        last = f"{who} answered {status} after {waited:.0f} ms"
        return b"%b: %b\r\n" % (TRACE, trace_value([*(progress.story or ()), last]))

    async def finish(self, progress: Progress, body: Transfer) -> None:
        """Wait for the end of a body, over as many nodes as it takes. Raises `CutShortError`."""
        progress.body = body
        try:
            while (end := await self._end_of(progress, body)) is not None:
                body = progress.body = await self._mended(progress, body, end)
        finally:
            self._leave(progress, body)

    async def _end_of(self, progress: Progress, body: Transfer) -> End | None:
        """How the node broke the body off; None if it is whole. Raises `CutShortError` if nobody can mend it."""
        try:
            await body.finished()
        except SourceEndedError:
            return End.BROKE_OFF
        except StalledError:
            return End.STALLED
        except BadBodyError as error:
            self._cut(progress, body, f"its coding is broken: {error}")
            raise CutShortError from error
        except (SinkGoneError, SinkStalledError) as error:
            raise CutShortError from error
        return None

    async def _mended(self, progress: Progress, broken: Transfer, end: End) -> Transfer:
        """The rest of a broken body, on its way from another node, or after all from the same. Raises `CutShortError`.

        A node that only stands still may yet go on, so it is left alone until another one has taken over.
        """
        attempt, now = progress.attempt, self._now()
        assert attempt is not None
        delivered = progress.delivered + broken.payload
        progress.waits_since = now
        attempt.failed(end, f"{end} after {delivered} bytes of a body", now)
        progress.note(BodyBroken(attempt.node, progress.subject, end, delivered))
        if end is End.BROKE_OFF:
            attempt.free()  # the rest of the body may need its place
        try:
            plan = self._resumption(progress, broken)
            sending = Sending(
                for_node(progress.head, progress.client.forwarded_for, plan.raw_request(delivered)),
                lambda answer: plan.check(answer, delivered),
            )
            successor = await self._attempts.resumed(progress, sending, attempt.standing.node)
        except (NotResumableError, EdgeError) as error:
            if end is End.STALLED and not broken.is_patient and broken.restart(STALL_LIMIT):
                return broken
            self._cut(progress, broken, str(error))
            raise CutShortError from error
        self._leave(progress, broken)
        attempt.end(end, self._meter, now)
        progress.attempt = successor
        progress.resumes += 1
        rest = plan.check(successor.answer, delivered)
        gap = self._now() - now + broken.still
        progress.gaps += gap
        progress.note(BodyResumed(successor.node, progress.subject, delivered, gap, rest.skip))
        body = self._rest(progress, successor, rest, broken.rest_of_chunk)
        if progress.is_admitted or successor.standing.link is not None:
            body.flow = self._pacing.answer(progress, successor.standing)
        body.start(b"")
        return body

    def _resumption(self, progress: Progress, broken: Transfer) -> Resumption:
        """How the body can go on; raises `NotResumableError`."""
        if progress.resumes >= progress.plan.resume.times:
            raise NotResumableError("the policy allows no more resumes")
        progress.vain_resumes = 0 if broken.payload or not progress.resumes else progress.vain_resumes + 1
        if progress.vain_resumes >= MOST_VAIN:
            raise NotResumableError(f"the last {MOST_VAIN} resumes brought no further byte")
        if not is_fresh(progress.head, self._now() - progress.started):
            raise NotResumableError("the client's signature has expired")
        if progress.answer.length == CHUNKED and broken.rest_of_chunk is None:
            raise NotResumableError("it broke off in a chunk's size line or behind the last chunk")
        return resumption(progress.request, progress.head, progress.answer)

    def _rest(self, progress: Progress, attempt: Attempt, rest: Rest, rest_of_chunk: int | None) -> Transfer:
        """The way of the rest of a body to the client."""
        source, sink, length = attempt.connection, progress.client, attempt.answer.length
        source.timer.clear()
        patience = self._patience(progress)
        progress.is_reusable = attempt.answer.keep_alive
        if progress.answer.length != CHUNKED and length == rest.length:
            return transfer(source, sink, length, self._splicing, STALL_LIMIT, patience)
        in_chunk = rest_of_chunk if progress.answer.length == CHUNKED else None
        return Rejoin(source, sink, length, rest, in_chunk, STALL_LIMIT, patience)

    def _patience(self, progress: Progress) -> float | None:
        """How long a node may stand still in the middle of a body; None if the body could go on from no other."""
        resume = progress.plan.resume
        if progress.pace is None or not resume.times or not TRAITS[progress.request.operation].resumable:
            return None
        limit = min(resume.stall, _PAUSES * progress.pace.patience)
        # A body is found to stand still up to one look late, and each look is up to one tick late.
        return limit * LOOKS / (LOOKS + 1) - LOOKS * FINE_TICK

    def _leave(self, progress: Progress, body: Transfer) -> None:
        """A body moves on no longer: count what it moved."""
        body.cancel()
        progress.body = None
        progress.sent += body.moved
        progress.delivered += body.payload
        if isinstance(body, Splice):
            self._meter.spliced_bytes += body.moved
        elif isinstance(body, Rejoin) and not body.is_source_done:
            progress.is_reusable = False

    def _cut(self, progress: Progress, body: Transfer, reason: str) -> None:
        attempt = progress.attempt
        assert attempt is not None
        progress.outcome = CUT
        progress.note(BodyCut(attempt.node, progress.subject, progress.delivered + body.payload, reason))
