"""What each tenant and each client address does, counted for the runaway guard: long bodies also while they move."""

from collections.abc import Iterable
from typing import Final

from s3edge.proxy.progress import Progress
from s3edge.qos.activity import MOST_SOURCES, Activities, Activity, Report, Source, mark
from s3edge.s3.operation import TRAITS

_DENIED: Final = 403


class Lookout:
    """Counts for one worker those requests whose policies have a guard that is on."""

    __slots__ = ("_activities", "_both")

    def __init__(self) -> None:
        self._activities: dict[str, Activities] = {}  # by the policy whose guard judges it
        # Where to count for a policy, a tenant and an address: found without making a `Source`, which takes longer.
        self._both: dict[tuple[str, str, str], list[Activity]] = {}

    def ended(self, progress: Progress, received: int) -> None:
        """A request came to its end; `received` are all the bytes of its body that came. It takes 2 us.

        What a node denied was perhaps not the tenant's, and counts for the client address alone.
        """
        head, client, status = progress.head, progress.client, progress.status
        kind = TRAITS[progress.request.operation].kind
        asked = mark(head.target, (head.header(b"range") or b"") if head.has_range else b"")
        if progress.shed_at:
            for activity in self._of(progress, progress.shed_at):
                activity.count_shed(kind, asked)
            return
        received = max(0, received - progress.reported_received)
        sent = progress.sent - progress.reported_sent
        new_connections, client.is_reported = int(not client.is_reported), True
        for activity in self._of(progress, progress.sources[1:]) if status == _DENIED else self._of_both(progress):
            activity.count(kind, status, received, sent, asked)
            activity.connections += new_connections

    def take(self, running: Iterable[Progress]) -> dict[str, Report]:
        """What was done since the last call, by the policy whose guard judges it; `running` are requests under way."""
        for progress in running:
            if progress.plan.guard_of:
                self._look(progress)
        activities, self._activities = self._activities, {}
        self._both.clear()
        return {policy: each.take() for policy, each in activities.items()}

    def _look(self, progress: Progress) -> None:
        """Count what has moved since the last look."""
        body, upload = progress.body, progress.upload
        sent = progress.sent + (0 if body is None else body.moved)
        # An upload that begins again at another node has come from the client once.
        received = progress.reported_received if upload is None else max(upload.moved, progress.reported_received)
        if sent > progress.reported_sent or received > progress.reported_received:
            for activity in self._of_both(progress):
                activity.sent += sent - progress.reported_sent
                activity.received += received - progress.reported_received
            progress.reported_sent, progress.reported_received = sent, received

    def _of_both(self, progress: Progress) -> list[Activity]:
        key = (progress.plan.guard_of, progress.tenant, progress.client.address)
        both = self._both.get(key)
        if both is None:
            both = self._of(progress, progress.sources)
            if len(self._both) < MOST_SOURCES:
                self._both[key] = both
        return both

    def _of(self, progress: Progress, sources: Iterable[Source]) -> list[Activity]:
        policy = progress.plan.guard_of
        activities = self._activities.get(policy)
        if activities is None:
            activities = self._activities[policy] = Activities()
        return [activities.of(source) for source in sources]
