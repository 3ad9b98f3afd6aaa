"""The supervisor's watch over tenants and client addresses: who runs away, and what workers must be told of that."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from s3edge import events
from s3edge.config.policy import Policy
from s3edge.config.qos import Guard
from s3edge.qos.activity import Report, Source, read_report
from s3edge.qos.runaway import Runaways, SourceStatus, Verdict
from s3edge.server.messages import Fact, Hold

log = logging.getLogger(__name__)

# Seconds between two judgements: see `Runaways.tick`.
TICK = 1.0


class SourceWatch:
    """Judges once a second, by the guards of `policies`, what workers report.

    It calls `tell` with each hold that changes, and `report` with each verdict.
    """

    def __init__(
        self, policies: Iterable[Policy], tell: Callable[[Fact], None], report: Callable[[events.Event], None]
    ) -> None:
        self._tell = tell
        self._report = report
        self._now = asyncio.get_running_loop().time
        self._runaways = Runaways(self._now())
        self._guards = _guards(policies)
        self._reported: dict[str, list[Report]] = {}
        self._holds: dict[Source, Hold] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that a new worker must know."""
        return tuple(self._holds.values())

    def start(self) -> None:
        """Judge from now on."""
        self._task = asyncio.create_task(self._run(), name="judge sources")

    async def close(self) -> None:
        """Judge no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def configure(self, policies: Iterable[Policy]) -> None:
        """Judge by the guards of these policies. Who is held by a guard that is gone is let go, and judged anew."""
        self._guards = _guards(policies)
        self._runaways.keep(self._guards.values())

    def take(self, activity: Mapping[str, Report]) -> None:
        """A worker has reported what sources did, by the policy whose guard judges it."""
        for policy, report in activity.items():
            self._reported.setdefault(policy, []).append(report)

    def pin(self, source: Source, rate: float | None, seconds: float | None) -> None:
        """Hold a source to `rate` requests per second, or to nothing (None), for some seconds or until `release`."""
        now = self._now()
        self._runaways.pin(source, rate, now, None if seconds is None else now + seconds)

    def release(self, source: Source) -> None:
        """Let a source go, whoever holds it, and get to know it anew."""
        self._runaways.release(source, self._now())

    def status(self, source: Source) -> SourceStatus | None:
        """What is known of a source; None if nothing is."""
        return self._runaways.status(source)

    def statuses(self) -> Iterable[SourceStatus]:
        """What is known of all sources, those last that were active last."""
        return self._runaways.statuses()

    def judge(self) -> None:
        """Judge what was reported since the last time. A source with several guards is judged by the first policy's."""
        now = self._now()
        reported, self._reported = self._reported, {}
        for policy, guard in reversed(self._guards.items()):
            for report in reported.get(policy, ()):
                for source, activity in read_report(report):
                    self._runaways.feed(source, activity, guard, now)
        for verdict in self._runaways.tick(now):
            self._pronounce(verdict)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.judge()

    def _pronounce(self, verdict: Verdict) -> None:
        event = verdict.event()
        log.log(logging.WARNING if event.level == "warning" else logging.INFO, "%s", event.text())
        self._report(event)
        hold = Hold(source=verdict.source, rate=verdict.rate, bandwidth=verdict.bandwidth)
        is_held = verdict.rate is not None or verdict.bandwidth is not None
        if is_held:
            self._holds[verdict.source] = hold
        if is_held or self._holds.pop(verdict.source, None) is not None:
            self._tell(hold)


def _guards(policies: Iterable[Policy]) -> dict[str, Guard]:
    """The guards by the names of their policies, in the order of the configuration."""
    return {policy.name: policy.guard for policy in policies if policy.guard is not None}
