"""The attempts of one request once the first one did not simply work: failover, hedges, and waiting for either.

A race lasts until one attempt has a good answer, until no other attempt may be made and none is under way, or until the
deadline. Another attempt begins

- at once, or after a jittered pause, when one has failed and a retry is allowed: another node each time, as many as the
  policy has attempts, within the retry budget; a node that could not be connected to cost nothing and does not count;
- when a read is late by the usual time of its kind, within the hedge budget;
- when a read is so late that its node counts as not answering: as a retry, while the late attempt goes on.

The first good answer wins, and what else is under way is cut off.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, NamedTuple

from s3edge.config.qos import Priority
from s3edge.errors import SLOW_DOWN, EdgeError, NodeError, Origin, Overloaded
from s3edge.events import Cause, End, Hedged, HedgeWon, RequestShed, Retried
from s3edge.http1.head import ResponseHead
from s3edge.proxy.attempt import Attempt
from s3edge.proxy.progress import Progress
from s3edge.resilience.resume import MismatchError
from s3edge.resilience.retry import FAILURES, may_retry, pause
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import ConnectionGoneError
from s3edge.upstream.places import Caller, Choice, FullError
from s3edge.upstream.standing import Standing

_NEVER: Final = float("inf")
# Seconds: a timer may fire this much early, by the rounding of times.
_INSTANT: Final = 1e-6
# How soon to ask again for a retry permit while an attempt is under way, in seconds.
ASK_AGAIN: Final = 0.05
# The codes of an S3 error by which a node says that it wants less traffic (AWS, Ceph). MinIO's SlowDownRead and
# SlowDownWrite are none of them: they say that too few drives are there, however little is asked (cmd/api-errors.go).
_SLOW_DOWN: Final = (b"<Code>SlowDown<", b"<Code>RequestLimitExceeded", b"<Code>Throttling")


class Sending(NamedTuple):
    """What nodes are sent, head and empty line; `check` raises `MismatchError` for an answer that is of no use."""

    raw: bytes
    check: Callable[[ResponseHead], object] | None = None


class Race:
    """The attempts of one request, or of one resume of a body that broke at the node `broken`."""

    def __init__(self, progress: Progress, sending: Sending, meter: Meter, broken: Node | None = None) -> None:
        self._track = progress.track
        self._progress = progress
        self._sending = sending
        self._meter = meter
        self._failover = progress.plan.failover
        self._pace = progress.pace
        self._now = progress.client.loop.time
        self._tried = [] if broken is None else [broken]
        self._running: dict[asyncio.Task[None], Attempt] = {}
        self._next = self._now()  # when another attempt is due
        self._place: Standing | None = None  # where it is made, if that is known
        self._is_hedge_next = False
        self._needs_permit = sending.check is not None  # a resume is a retry
        # A body that has begun goes first: were it cut, its client would ask for all of it once more.
        self._priority = Priority.INTERACTIVE if sending.check is not None else progress.plan.priority
        self._was_denied = False  # by the budget of retries
        self._counted = 0  # attempts that count against the policy's
        self._retries = 0
        self._comes_around = broken is not None  # whether the broken node may be asked again if there is no other
        self._refusal: Attempt | None = None  # a node's answer that says failure, to pass on if none is better
        self._error: EdgeError | None = None

    def begin_at(self, standing: Standing | None) -> None:
        """Make the first attempt at this node, or at one that is still to be chosen."""
        self._place = standing

    def go_on_with(self, attempt: Attempt) -> None:
        """An attempt is under way, and late: the time of a hedge has come."""
        self._counted = self._progress.raced = 1
        self._tried.append(attempt.standing.node)
        self._follow(attempt, attempt.go_on())
        self._is_hedge_next = True

    def go_on_without(self, attempt: Attempt, error: Exception | None) -> None:
        """An attempt has failed with `error`, or with a bad answer. Raises what no other attempt can mend."""
        self._counted = self._progress.raced = 1
        self._tried.append(attempt.standing.node)
        self._next = _NEVER
        self._judge(attempt, error)

    async def won(self) -> Attempt:
        """The attempt whose answer goes to the client; raises `EdgeError` if there is none."""
        winner: Attempt | None = None
        try:
            while winner is None:
                if self._now() > self._next - _INSTANT:
                    await self._begin()
                winner = await self._first_good() if self._running or self._next < _NEVER else self._best_left()
        finally:
            await self._end_others(winner)
        return winner

    async def _begin(self) -> None:
        """Make another attempt, or find that none can be made now."""
        is_hedge, self._is_hedge_next = self._is_hedge_next, False
        self._next = _NEVER
        if is_hedge:
            for attempt in self._running.values():
                attempt.standing.was_late(attempt.began, self._now())
            self._set_out_retry()
            if not self._track.take_hedge(self._meter):
                return
        else:
            self._suspect_the_late()
        has_permit = self._needs_permit and not is_hedge
        if has_permit and not await self._take_permit():
            return
        try:
            standing = await self._choose()
            if standing is not None:
                self._start(standing, is_hedge, has_permit)
                has_permit = False
            elif self._running and not is_hedge and self._pace is not None:
                # Others may be back when the late ones have had as much time again.
                self._tried = [attempt.standing.node for attempt in self._running.values()]
                self._next = self._now() + self._pace.patience
            elif self._comes_around and not self._running:
                self._comes_around = False
                self._tried.clear()
                self._next = self._now() + pause(self._retries + 2, self._track.rng)
        finally:
            if has_permit:
                self._track.permits.give_back()

    async def _take_permit(self) -> bool:
        permits = self._track.permits
        if permits.take_now():
            return True
        if not self._was_denied:
            self._was_denied = True
            self._meter.budget_denied(self._track.first.name, "retry")
        if self._running:
            self._next = self._now() + ASK_AGAIN
            return False
        if await permits.take(self._time_left()):
            return True
        self._error = self._out_of_time()
        return False

    async def _choose(self) -> Standing | None:
        if self._place is not None:
            standing, self._place = self._place, None
            return standing
        plan, request = self._progress.plan, self._progress.request
        choice = Choice(plan.balance, self._tried, request.raw_key, self._pace is not None and not self._running)
        if self._running and self._track.first.is_limited:
            # Who has an attempt under way does not wait for another one; while nodes refuse, it gets none.
            return None if self._track.is_throttled else self._track.place_now(choice, self._priority)
        caller = Caller(self._progress.tenant, self._priority, plan.weight, plan.queue)
        began, trace = self._now(), self._progress.trace
        try:
            return await self._track.place(choice, caller, began, max(0.0, self._time_left()))
        except FullError as full:
            if self._refusal is None:
                progress = self._progress
                progress.note(RequestShed("", progress.subject, progress.tenant, Cause.CAPACITY, str(full)))
                self._error = Overloaded(f"The storage is asked for more than it can take: {full}.", code=SLOW_DOWN)
            return None
        finally:
            self._progress.prepaid += caller.prepaid  # also if the client left as its turn came
            if trace is not None and self._now() > began:
                trace.queued.append((began, self._now()))

    def _start(self, standing: Standing, is_hedge: bool, has_permit: bool) -> None:
        progress, now = self._progress, self._now()
        kept = standing.pool.take()
        attempt = Attempt(standing, progress, now, is_kept=kept is not None)
        progress.raced += 1
        attempt.is_hedge, attempt.holds_permit = is_hedge, has_permit
        if attempt.traced is not None:
            attempt.traced.is_retry = has_permit
        self._tried.append(standing.node)
        if is_hedge:
            late = next(iter(self._running.values()))
            late.standing.node.observe(now - late.began, now)
            progress.note(Hedged(attempt.node, progress.subject, now - late.began))
        else:
            self._counted += 1
            if has_permit:
                progress.note(Retried(attempt.node, progress.subject))
        self._follow(attempt, attempt.run(self._sending.raw, kept))
        if self._pace is not None and not is_hedge:
            # The next attempt is a hedge, if no answer comes in the usual time.
            self._is_hedge_next = True
            self._next = now + self._pace.delay

    def _follow(self, attempt: Attempt, running: Coroutine[Any, Any, None]) -> None:
        self._progress.asked = attempt.node
        task = asyncio.create_task(running, name=f"attempt at {attempt.node}")
        self._running[task] = attempt

    def _set_out_retry(self) -> None:
        """The next attempt is a retry, if no answer comes in the time that a node has."""
        if self._pace is not None and self._counted < self._failover.attempts:
            self._next = max(attempt.began for attempt in self._running.values()) + self._pace.patience
            self._needs_permit = True

    def _suspect_the_late(self) -> None:
        """A retry begins while attempts are under way: those that have kept it waiting too long count as failures."""
        now, pace = self._now(), self._pace
        for attempt in self._running.values():
            waited = now - attempt.began
            if pace is not None and waited > pace.patience - _INSTANT and not attempt.is_suspect:
                attempt.suspect(f"no first byte in {waited * 1000:.0f} ms", now)

    async def _first_good(self) -> Attempt | None:
        """The attempt with a good answer; None when there is something else to do."""
        wait = max(0.0, min(self._next - self._now(), self._time_left()))
        winner: Attempt | None = None
        for task in await self._done_within(wait):
            attempt, error = self._running.pop(task), task.exception()
            self._release(attempt)
            if winner is not None:
                attempt.end(End.BEATEN, self._meter, self._now())
            elif self._judge(attempt, error):
                winner = attempt
        if winner is None and self._time_left() < _INSTANT:
            self._error = self._out_of_time()
            for attempt in self._running.values():
                attempt.blame(End.TIMEOUT, "gave no answer before the deadline", self._now())
            return self._best_left()
        return winner

    async def _done_within(self, wait: float) -> Collection[asyncio.Task[None]]:
        """The attempts that have ended, as soon as one has, or after so many seconds."""
        if not self._running:
            await asyncio.sleep(wait)
            return ()
        timeout = None if wait == _NEVER else wait
        done, _ = await asyncio.wait(self._running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return done

    def _judge(self, attempt: Attempt, error: BaseException | None) -> bool:
        """Whether the attempt won. Notes what it says of its node, and sets out what comes next.

        Raises an error that another attempt would not mend.
        """
        now = self._now()
        fault = self._fault(attempt, error)
        if fault is None:
            attempt.was_good(now)
            attempt.is_suspect = False  # its body has not failed yet
            if attempt.is_hedge:
                attempt.has_won = True
                self._progress.note(HedgeWon(attempt.node, self._progress.subject))
            return True
        if not self._running:
            self._is_hedge_next = False  # nothing is left that could be late
        upload = self._progress.upload
        may_go_on = may_retry(
            is_sent=attempt.is_sent,
            is_replayable=self._progress.request.is_replayable,
            is_body_whole=upload is None or upload.is_whole,
        )
        if upload is not None:
            upload.stop()
        is_cut_off = isinstance(error, ConnectionGoneError) and attempt.is_kept and not attempt.connection.unread_size
        if is_cut_off and may_go_on:
            # Nodes close kept connections when they like, also while a request is on its way to them.
            attempt.end(End.CLOSED, self._meter, now)
            if self._begin_instead_of(attempt, now):
                self._place = attempt.standing
            return False
        attempt.blame(*fault, now)
        self._set_aside(attempt, error, fault[1], now)
        if not may_go_on or (attempt.is_sent and self._counted >= self._failover.attempts):
            self._next = _NEVER
        elif not attempt.is_sent:
            self._begin_instead_of(attempt, now)
        else:
            self._retries += 1
            self._needs_permit = True
            if not self._running:
                self._next = now + pause(self._retries, self._track.rng)
        return False

    def _begin_instead_of(self, attempt: Attempt, now: float) -> bool:
        """Have another attempt begin at once for one that cost nothing, unless that was a hedge and others run."""
        if not attempt.is_hedge:
            self._counted -= 1
        elif self._running:
            return False
        self._next = now
        return True

    def _fault(self, attempt: Attempt, error: BaseException | None) -> tuple[End, str] | None:
        """What is wrong with how an attempt ended; None if it has a good answer."""
        match error:
            case None if attempt.answer.status in FAILURES:
                is_throttle = attempt.answer.status == 503 and _asks_for_less(attempt)
                return End.SLOW_DOWN if is_throttle else End.ERROR, f"answered {attempt.answer.status}"
            case None if self._sending.check is not None:
                try:
                    self._sending.check(attempt.answer)
                except MismatchError as mismatch:
                    return End.MISMATCH, str(mismatch)
                return None
            case None:
                return None
            case ConnectionGoneError():
                return End.CLOSED, "closed the connection instead of an answer"
            case EdgeError(origin=Origin.NODE):
                detail = error.message.removeprefix(f"Node {attempt.node}: ").removesuffix(".")
                return _END_OF.get(error.code, End.GARBAGE), detail
            case EdgeError(origin=Origin.CLIENT):
                return End.CLIENT_GONE, error.message
            case EdgeError():
                return End.EDGE, error.message
            case _:
                raise error  # ours: a fault of this program

    def _set_aside(self, attempt: Attempt, error: BaseException | None, detail: str, now: float) -> None:
        """Keep what an attempt that failed leaves: an answer to pass on at need, or an error to tell."""
        if error is None and self._sending.check is None:
            previous, self._refusal = self._refusal, attempt
            if attempt.level >= 0:
                attempt.free()  # else requests that fail would keep each other from the nodes that are left
            if previous is not None:
                previous.end(End.ERROR, self._meter, now)
            return
        attempt.end(End.ERROR, self._meter, now)
        if isinstance(error, EdgeError):
            if error.origin is not Origin.NODE:
                raise error
            self._error = error
        else:
            self._error = NodeError("BadGateway", f"Node {attempt.node}: {detail}.")

    def _best_left(self) -> Attempt:
        """What the client gets when no attempt has a good answer. Raises EdgeError if that is none of a node's."""
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            return refusal
        error = self._error
        if error is None:
            raise Overloaded("No storage node is up.")
        if isinstance(error, NodeError) and error.status == 503:
            nodes = len(self._tried)
            raise Overloaded(f"No storage node can be connected to, {nodes} tried. The last: {error.message}")
        raise error

    async def _end_others(self, winner: Attempt | None) -> None:
        """Cut off what is still under way."""
        running, self._running = self._running, {}
        for task in running:
            task.cancel()
        try:
            if running:
                await asyncio.gather(*running, return_exceptions=True)
        except asyncio.CancelledError:
            if winner is not None:
                winner.end(End.CLIENT_GONE, self._meter, self._now())
            raise
        finally:
            now = self._now()
            for attempt in running.values():
                self._release(attempt)
                if winner is not None and self._pace is not None:
                    self._pace.observed(now - attempt.began, now)
                attempt.end(End.CLIENT_GONE if winner is None else End.BEATEN, self._meter, now)
            if self._refusal is not None:
                self._refusal.end(End.ERROR, self._meter, now)

    def _release(self, attempt: Attempt) -> None:
        if attempt.holds_permit:
            attempt.holds_permit = False
            self._track.permits.give_back()

    def _time_left(self) -> float:
        """Seconds to the deadline, which moves on while the client is still sending its request."""
        upload = self._progress.upload
        if upload is not None and self._running and not upload.is_sent:
            return self._failover.deadline
        return self._progress.waits_since + self._failover.deadline - self._now()

    def _out_of_time(self) -> EdgeError:
        message = f"No storage node gave a good answer within {self._failover.deadline:g} s."
        return NodeError("GatewayTimeout", message)


# The codes of the errors that an attempt ends with; see `upstream`.
_END_OF: Final = {"ServiceUnavailable": End.UNREACHABLE, "GatewayTimeout": End.TIMEOUT}


def _asks_for_less(attempt: Attempt) -> bool:
    """Whether a 503 says SlowDown, as far as its body has come with its head; HEAD has none."""
    said = attempt.connection.unread
    return any(code in said for code in _SLOW_DOWN) or (not said and attempt.answer.header(b"retry-after") is not None)
