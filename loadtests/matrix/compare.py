"""Direct and through s3edge, side by side: what differs, and what goes well on neither way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtests.findings import Finding
from loadtests.matrix.actions import DYING
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.record import Run
from loadtests.matrix.ways import DIRECT, EDGE, SCHEMES, way_name


class Comparison(StrEnum):
    """What becomes of an action through s3edge, against what becomes of it direct."""

    SAME = "same"
    WORSE = "worse"
    BETTER = "better"
    NEITHER = "neither"  # it goes well on no way: a limit of the client or of the storage
    UNTRIED = "untried"
    ABSENT = "absent"  # not offered by the client, or there is no client


@dataclass(frozen=True)
class Compared:
    """One action of one client by one scheme, on both ways; `can_read` is whether it can read through s3edge at all."""

    client: str
    action: str
    scheme: str
    direct: Result
    edge: Result
    can_read: bool = True

    @property
    def comparison(self) -> Comparison:
        """Of an action that is made of several parts, no other part may fail through s3edge than fails direct.

        Who can read must be able to when a node dies, whatever happens direct.
        """
        if self.edge.is_absent:
            return Comparison.ABSENT
        if self.edge.outcome is Outcome.UNTRIED:
            return Comparison.UNTRIED
        if self.edge.is_ok:
            return Comparison.SAME if self.direct.is_ok else Comparison.BETTER
        is_promised = self.action == DYING and self.can_read
        if is_promised or self.direct.is_ok or not self.edge.parts.keys() <= self.direct.parts.keys():
            return Comparison.WORSE
        return Comparison.NEITHER


def compare(run: Run) -> list[Compared]:
    """All actions of all clients, client by client."""
    return [
        Compared(client, action, scheme, direct.results[action], edge.results[action], edge.results["get"].is_ok)
        for client in run.clients
        for scheme in SCHEMES
        for direct, edge in [(run.trial(client, way_name(scheme, DIRECT)), run.trial(client, way_name(scheme, EDGE)))]
        for action in direct.results
    ]


def judge(compared: Sequence[Compared]) -> list[Finding]:
    """Nothing that goes well direct may fail through s3edge, and no client may notice there that a node died.

    A client that tried again by itself has noticed. Of those that cannot read at all, nothing is asked.
    """
    worse = [one for one in compared if one.comparison is Comparison.WORSE and one.action != DYING]
    deaths = [one for one in compared if one.action == DYING and one.can_read]
    untried = [one for one in deaths if one.comparison is Comparison.UNTRIED]
    noticed = [one for one in deaths if one not in untried and one.edge.reason]
    return [
        Finding("actions that go well direct and not through s3edge", len(worse), 0),
        Finding("reads through s3edge whose client noticed the death of a node", len(noticed), 0),
        Finding("reads that were over before a node could be killed", len(untried), 0),
    ]
