"""One try of a request at one node."""

from typing import Final

from s3edge.errors import ClientError, EdgeError, NodeError
from s3edge.events import AttemptFailed, End
from s3edge.http1.body import BadBodyError
from s3edge.http1.head import ResponseHead
from s3edge.proxy.client import STALL_LIMIT
from s3edge.proxy.progress import Progress
from s3edge.qos.line import LEVELS
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import ConnectionGoneError
from s3edge.transport.transfer import SinkStalledError, SourceEndedError, StalledError
from s3edge.upstream.connection import NodeConnection
from s3edge.upstream.standing import Standing

# The part of the deadline that a node has for the answer to a small write that could be sent to another one.
_WRITE_SHARE: Final = 0.5


class Attempt:
    """One try of a request at one node, from the choice of the node to the end of its answer's body.

    `connection` and `answer` are there once they were got; `began` is when it began. `is_kept` tells that the
    connection was not made for it, `is_sent` that the node was sent at least the head, `is_suspect` that its wait was
    held against the node, `has_won` that it was one whose answer was the first, `has_place` that it counts among those
    that its node works on. `level` is its class of priority where attempts are counted by that, else -1. `traced` is
    what a trace keeps of it, None without one. Its owner calls `end` exactly once; `end_word` is how it ended, if that
    was told before.
    """

    __slots__ = (
        "answer",
        "began",
        "connection",
        "end_word",
        "has_answer",
        "has_place",
        "has_won",
        "holds_permit",
        "is_answering",
        "is_connected",
        "is_hedge",
        "is_kept",
        "is_sent",
        "is_suspect",
        "level",
        "progress",
        "standing",
        "traced",
    )

    answer: ResponseHead
    connection: NodeConnection

    def __init__(self, standing: Standing, progress: Progress, now: float, *, is_kept: bool) -> None:
        self.standing = standing
        self.progress = progress
        self.began = now
        self.is_kept = is_kept
        self.is_connected = self.is_sent = self.is_hedge = self.is_suspect = self.is_answering = False
        self.has_answer = self.holds_permit = self.has_won = False
        self.end_word: End | None = None
        standing.node.inflight += 1
        self.has_place = True
        self.traced = None if progress.trace is None else progress.trace.attempt(now, is_resume=progress.status > 0)
        self.level = -1
        if standing.room_made is not None:
            self.level = LEVELS[progress.plan.priority]
            standing.busy[self.level] += 1

    @property
    def node(self) -> str:
        """The name of its node."""
        return self.standing.node.name

    def send(self, connection: NodeConnection, raw: bytes) -> None:
        """Send the request over `connection`; raises `ConnectionGoneError` if it is gone already.

        The body goes out as the client brings it, also before any `100`: a client that waits for one sends nothing, and
        one that does not wait must not be held up.
        """
        self.connection = connection
        self.is_connected = True
        if connection.is_lost:
            raise ConnectionGoneError
        self.is_sent = True
        progress = self.progress
        if self.traced is not None and progress.trace is not None:
            raw = progress.trace.head(raw, self.traced)
        connection.method = progress.head.method
        upload = progress.upload
        if upload is None:
            connection.transport.write(raw)
            connection.timer.set(connection.answer_timeout)
            return
        if progress.head.expects_continue:
            connection.timer.set(self._answer_limit())
        else:
            connection.timer.clear()  # of its idle time in the pool; the node's time begins with `_body_ended`
        upload.send(connection, raw, self._body_ended)

    async def run(self, raw: bytes, kept: NodeConnection | None) -> None:
        """Send over a kept or a new connection, and wait for the final answer.

        Raises `EdgeError` and `ConnectionGoneError`.
        """
        self.send(kept or await self.standing.pool.open(), raw)
        await self.go_on()

    async def go_on(self) -> None:
        """Wait for the final answer to what was sent. Raises as `run`."""
        await self.finish_head(await self.connection.head())

    async def finish_head(self, answer: ResponseHead) -> None:
        """Take the head of the final answer; interim ones (1xx), of which `answer` may be the first, are passed on."""
        progress = self.progress
        while answer.status < 200:
            is_again = answer.status == 100 and progress.is_invited
            if progress.head.minor == 1 and not is_again:
                progress.client.transport.write(answer.raw)
                progress.is_invited |= answer.status == 100
            if progress.upload is not None and not progress.upload.is_sent:
                self.connection.timer.clear()  # from now on the client's pace counts; see `_body_ended`
            answer = await self.connection.head()
        self.answer = answer
        self.has_answer = True

    def was_good(self, now: float) -> None:
        """Its answer goes to the client."""
        if self.level >= 0 and self.has_place and not self.is_answering:
            self.is_answering = True
            self.standing.answering += 1
        pace = self.progress.pace
        if pace is None:
            self.standing.answered_write(self.began, now, self.progress.waits_since)
        else:
            self.standing.answered(self.began, now)
            if now != pace.observed_at:  # one for each tick of the loop's clock is enough to know the pace
                pace.observed(now - self.began, now)

    def blame(self, end: End, detail: str, now: float) -> None:
        """The attempt brought no answer that the client should have."""
        self.failed(end, detail, now)
        self.progress.note(AttemptFailed(self.node, self.progress.subject, end, detail))

    def failed(self, end: End, detail: str, now: float) -> None:
        """Its answer or its body failed. What that says of the node counts at once, before the next node is chosen."""
        self.end_word = end
        if end is End.SLOW_DOWN:
            self.standing.slowed(self.began, now)
        elif not end.is_nodes_fault:
            self.standing.left(self.began, now)
        elif not self.is_suspect:  # one attempt is one failure
            self.standing.failed(self.began, now, detail, had_begun=self.has_answer)

    def suspect(self, detail: str, now: float) -> None:
        """The attempt has waited too long: that speaks against the node, although its answer may yet be the first."""
        self.is_suspect = True
        self.standing.failed(self.began, now, detail)
        self.progress.note(AttemptFailed(self.node, self.progress.subject, End.TIMEOUT, detail))

    def end(self, end: End, meter: Meter, now: float, *, is_reusable: bool = False) -> None:
        """This attempt is over: give the connection back, or discard it with whatever is under way there.

        `end` is how, unless a failure was told by `blame`.
        """
        standing = self.standing
        self.free()
        if self.end_word is not None:
            end = self.end_word
        elif standing.is_watched:
            standing.left(self.began, now)
        if self.traced is not None:
            self.traced.ends(self, end, now)
        meter.attempt(standing.node.name, end)
        if self.is_hedge and not self.has_won:
            meter.hedge_wasted()
        if end is End.BEATEN and self.is_connected:
            meter.hedge_wasted_bytes += self.connection.unread_size
        if is_reusable:
            standing.pool.give_back(self.connection)
        elif self.is_connected:
            self.connection.abort()

    def free(self) -> None:
        """Its node works on it no longer: another attempt may have its place. Once more does nothing."""
        if not self.has_place:
            return
        standing = self.standing
        self.has_place = False
        standing.node.inflight -= 1
        if self.level >= 0:
            standing.busy[self.level] -= 1
            standing.answering -= self.is_answering
            if standing.room_made is not None:
                standing.room_made()

    def _body_ended(self, error: Exception | None) -> None:
        """The request body is over: the node's time to answer begins, or whoever broke it off is to blame."""
        progress, connection = self.progress, self.connection
        progress.waits_since = connection.loop.time()
        failure: EdgeError
        match error:
            case SourceEndedError():
                progress.client.abort()
                return
            case BadBodyError():
                failure = ClientError(400, "InvalidRequest", f"The body is not well-formed: {error}.")
            case StalledError():
                failure = ClientError(400, "RequestTimeout", f"No byte of the body came for {STALL_LIMIT:g} s.")
            case SinkStalledError():
                message = f"Node {self.node} took no byte of the body for {STALL_LIMIT:g} s."
                failure = NodeError("GatewayTimeout", message)
            case _:
                connection.timer.set(self._answer_limit())
                return
        connection.fail(failure)

    def _answer_limit(self) -> float:
        """How long the node has for its answer: a small write that may be sent again keeps time for another node.

        Nobody knows how long another one may take, such as a copy. A read is asked elsewhere as soon as it is late, and
        its first node may then take all the time there is.
        """
        progress, limit = self.progress, self.connection.answer_timeout
        upload = progress.upload
        if upload is not None and upload.is_whole and progress.request.is_replayable:
            return min(limit, progress.plan.failover.deadline * _WRITE_SHARE)
        return limit
