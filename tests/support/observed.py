"""What an admin server is told of an s3edge of which nothing is known; tests say what they need of it."""

from collections.abc import Iterable
from typing import Any, Final

from s3edge.config.model import Config
from s3edge.health.status import NodeStatus
from s3edge.qos.activity import Source
from s3edge.qos.runaway import Runaways, SourceStatus
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.stream import EventStream
from tests.support.edge import config_for

# What the operator of an s3edge in tests has.
TOKEN: Final = "a-token-for-tests"
AUTHORIZED: Final = {"Authorization": f"Bearer {TOKEN}"}


class KnownSources:
    """What a guard knows at one moment, and what it was told by the operator."""

    def __init__(self) -> None:
        self.runaways = Runaways(0.0)
        self.told: list[tuple[str, str, float | None, float | None]] = []

    def statuses(self) -> Iterable[SourceStatus]:
        return self.runaways.statuses()

    def status(self, source: Source) -> SourceStatus | None:
        return self.runaways.status(source)

    def pin(self, source: Source, rate: float | None, seconds: float | None) -> None:
        self.told.append(("pin", str(source), rate, seconds))

    def release(self, source: Source) -> None:
        self.told.append(("release", str(source), None, None))


class QuietEdge:
    """An s3edge without nodes, counts and events, which serves."""

    def __init__(self) -> None:
        self.config: Config = config_for(("n1", 9000), admin={"token": TOKEN})
        self.sources = KnownSources()
        self.events = EventStream(lambda: 0.0, lambda: 0.0)

    def nodes(self) -> Iterable[NodeStatus]:
        return ()

    async def snapshot(self) -> Snapshot:
        return {}

    async def flows(self, query: Query) -> dict[int, Found]:
        return {}

    def configuration(self) -> dict[str, Any]:
        return {}

    def why_not_ready(self) -> str | None:
        return None

    def set_drained(self, name: str, is_drained: bool) -> NodeStatus | None:
        return None
