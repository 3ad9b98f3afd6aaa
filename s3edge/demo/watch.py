"""What s3edge tells of itself while the demo runs: its nodes, what it hid from the client, and what it just did."""

from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from s3edge.events import End

TIMEOUT = aiohttp.ClientTimeout(total=2.0)
# The events that are told in words: those that a reader of the demo's lines would else have to believe.
TOLD = frozenset(("BodyResumed", "BodyCut", "NodeEjected", "NodeReturned"))


@dataclass(frozen=True, slots=True)
class Hidden:
    """What went wrong so far and the client was not told: attempts that failed by a node's fault, and the cures."""

    failures: int = 0
    resumes: int = 0
    hedges: int = 0

    def __str__(self) -> str:
        return f"failed attempts {self.failures}, resumes {self.resumes}, hedges {self.hedges}"


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: the state of each node by its name, what was hidden so far, and the events since the last look."""

    states: dict[str, str]
    hidden: Hidden
    news: list[str]


class Watch:
    """Asks the admin server at the URL `site`."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        self._last_event = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def look(self) -> Sight | None:
        """What there is to see now; None when the admin server does not answer."""
        try:
            nodes = (await self._json("/api/v1/nodes"))["nodes"]
            events = (await self._json(f"/api/v1/events?since={self._last_event}"))["events"]
            async with self._session.get(f"{self._site}/metrics") as answer:
                figures = Figures(await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            return None
        if events:
            self._last_event = events[-1]["sequence"]
        states = {
            node["name"]: "ejected" if figures.sum("s3edge_node_ejected", node=node["name"]) else node["state"]
            for node in nodes
        }
        return Sight(states, figures.hidden(), [_told(event) for event in events if event["event"] in TOLD])

    async def _json(self, path: str) -> Any:
        async with self._session.get(self._site + path) as answer:
            return await answer.json()


class Figures:
    """The samples of an exposition for Prometheus."""

    def __init__(self, exposition: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> int:
        """The sum of the samples with this name and these labels, whatever their other labels are."""
        return int(
            sum(
                sample.value
                for sample in self._samples
                if sample.name == name and labels.items() <= sample.labels.items()
            )
        )

    def hidden(self) -> Hidden:
        """What the client was not told."""
        faults = [end for end in End if end.is_nodes_fault]
        return Hidden(
            sum(self.sum("s3edge_attempts_total", outcome=end) for end in faults),
            self.sum("s3edge_resumes_total"),
            self.sum("s3edge_hedges_total", event="sent"),
        )


def _told(event: dict[str, Any]) -> str:
    return f"{event['key']} {event['text']}" if "key" in event else str(event["text"])
