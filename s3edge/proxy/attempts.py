"""Getting a good answer head from some node. The client has seen nothing yet, so another try can hide a failure.

Most requests take one attempt over a kept connection, and that way costs no task and no timer of its own. Whatever else
happens, a new connection to be made, a failure, an answer that is late, is the business of a `Race`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from random import Random
from typing import Final

from s3edge.config.resilience import Failover, Hedge
from s3edge.errors import EdgeError
from s3edge.http1.head import ResponseHead
from s3edge.proxy.attempt import Attempt
from s3edge.proxy.heads import for_node
from s3edge.proxy.pacing import Pacing
from s3edge.proxy.permits import Permits
from s3edge.proxy.progress import Progress
from s3edge.proxy.race import Race, Sending
from s3edge.proxy.track import Track
from s3edge.proxy.upload import Upload
from s3edge.resilience.budget import RetryBudget
from s3edge.resilience.hedge import Lateness
from s3edge.resilience.retry import FAILURES
from s3edge.routing.node import Node
from s3edge.routing.table import Plan
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import ConnectionGoneError
from s3edge.transport.recording import Room
from s3edge.transport.splice import Splicing
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.places import Choice

_NEVER: Final = float("inf")
# Seconds to the first hedge of a kind of read that has not been seen often enough: half of the default patience.
UNKNOWN_DELAY: Final = 0.25


class Attempts:
    """Makes the attempts of one worker's requests; `room` is for the request bodies that are kept meanwhile."""

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        pacing: Pacing,
        splicing: Splicing,
        room: Room,
        meter: Meter,
        rng: Random,
    ) -> None:
        self._clusters = clusters
        self._pacing = pacing
        self._splicing = splicing
        self._room = room
        self._meter = meter
        self._rng = rng
        self._tracks: dict[int, Track] = {}  # by the id of a plan, which the table keeps
        self._ways: dict[tuple[tuple[str, ...], Failover, Hedge], Track] = {}
        self._permits: dict[tuple[str, float], Permits] = {}
        self._lateness: dict[str, Lateness] = {}
        self._now = asyncio.get_running_loop().time

    @property
    def retries(self) -> int:
        """Retries under way."""
        return sum(permits.taken for permits in self._permits.values())

    def budgets(self) -> dict[tuple[str, ...], float]:
        """The retries and the hedges that could be made at once, by the cluster that their policies prefer."""
        left: defaultdict[tuple[str, ...], float] = defaultdict(float)
        for (cluster, _), permits in self._permits.items():
            left[cluster, "retry"] += permits.left
        for track in self._ways.values():
            left[track.first.name, "hedge"] += track.hedges.left
        return left

    async def answered(self, progress: Progress) -> Attempt:
        """The attempt whose answer the client gets; raises `EdgeError` when there is none."""
        head = progress.head
        plan = progress.plan
        track = progress.track = self._tracks.get(id(plan)) or self._lay(plan)
        pace = progress.pace = track.pace(progress.request, head)
        if pace is not None:
            track.hedges.requests += 1
        if head.length:
            progress.upload = self._upload(progress, track)
        raw = for_node(head, progress.client.forwarded_for)
        # A wait for room under limits must not count as the node's time.
        now = progress.started + progress.waited
        if track.first.is_limited:
            choice = Choice(plan.balance, (), progress.request.raw_key, pace is not None)
            standing = track.place_now(choice, plan.priority)
        else:
            standing = track.first.pick(plan.balance, (), progress.request.raw_key, pace is not None, now)
        kept = None if standing is None else standing.pool.take()
        if standing is None or kept is None:
            race = Race(progress, Sending(raw), self._meter)
            race.begin_at(standing)
            return await race.won()
        attempt = progress.attempt = Attempt(standing, progress, now, is_kept=True)
        answer: ResponseHead | None = None
        failure: Exception | None = None
        try:
            attempt.send(kept, raw)
            kept.late.set_at(_NEVER if pace is None else now + pace.delay)
            answer = await kept.head_in_time()
            if answer is not None:
                if answer.status < 200:
                    await attempt.finish_head(answer)
                else:
                    attempt.answer = answer
                    attempt.has_answer = True
                if attempt.answer.status not in FAILURES:
                    answered = self._now()
                    attempt.was_good(answered)
                    progress.first_byte = answered - progress.started
                    return attempt
        except (EdgeError, ConnectionGoneError) as error:
            failure = error
        return await self._raced(progress, raw, attempt, failure)

    def _upload(self, progress: Progress, track: Track) -> Upload:
        """The body of the request."""
        failover = track.failover
        limit = failover.buffer if failover.attempts > 1 else 0
        upload = Upload(progress.client, progress.head, limit, self._room, self._splicing)
        if progress.is_admitted or track.first.link is not None:
            self._pacing.upload(progress, upload, track.first.tabs)
        return upload

    def forget_plans(self) -> None:
        """Other policies hold from now on. What is under way goes on as it was planned."""
        self._tracks.clear()
        self._ways.clear()

    async def resumed(self, progress: Progress, sending: Sending, broken: Node) -> Attempt:
        """The attempt whose answer goes on with a body that broke at node `broken`; raises `EdgeError` if none does."""
        progress.raced = progress.raced or 1  # the first attempt was perhaps not raced
        return await Race(progress, sending, self._meter, broken).won()

    async def _raced(self, progress: Progress, raw: bytes, attempt: Attempt, failure: Exception | None) -> Attempt:
        """What follows the first attempt, which failed or is late."""
        progress.attempt = None  # it belongs to the race now
        race = Race(progress, Sending(raw), self._meter)
        if failure is None and not attempt.has_answer:
            race.go_on_with(attempt)
        else:
            race.go_on_without(attempt, failure)
        return await race.won()

    def _lay(self, plan: Plan) -> Track:
        way = (plan.clusters, plan.failover, plan.hedge)
        track = self._ways.get(way)
        if track is None:
            track = self._ways[way] = self._new_track(plan)
        self._tracks[id(plan)] = track
        return track

    def _new_track(self, plan: Plan) -> Track:
        clusters = tuple(self._clusters[name] for name in plan.clusters)
        key = (clusters[0].name, plan.failover.budget)
        if key not in self._permits:
            budget = RetryBudget(plan.failover.budget)
            # Retries are no requests of their own: a share that counts them would grow by itself.
            self._permits[key] = Permits(budget, lambda: clusters[0].inflight - budget.taken)
        lateness = self._lateness.setdefault(clusters[0].name, Lateness(UNKNOWN_DELAY))
        return Track(clusters, plan.failover, plan.hedge, self._permits[key], lateness, self._rng)
