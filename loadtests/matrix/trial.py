"""All actions of one client on one way."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadtests.matrix.actions import DYING
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.passage import passage_to
from loadtests.matrix.performance import Gone, Performance, performing
from loadtests.matrix.performer import Engagement, Task
from loadtests.matrix.store import LARGE_SIZE
from loadtests.matrix.ways import Way

KILL_AFTER = LARGE_SIZE // 4
"""Bytes of the large object that have passed when the node is killed: less than the buffers between can hide."""

AWAY_SECONDS = 0.5
"""From a node's death to its start: longer than s3edge needs to go on, shorter than clients go on trying."""

RETRIED = "the client tried again by itself"


@dataclass
class Trial:
    """What one client did on one way; `version` is empty if it never started."""

    client: str
    version: str = ""
    results: dict[str, Result] = field(default_factory=dict)


class Company:
    """The performer of one client on one way, replaced by another one if it is lost."""

    def __init__(self, client: str, way: Way, folder: Path) -> None:
        self.client, self.way, self._folder = client, way, folder
        self._stack = ExitStack()
        self._performance: Performance | None = None
        self._count = 0

    def __enter__(self) -> "Company":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def performance(self) -> Performance:
        """The one at hand, or a new one. Raises Gone if it does not start."""
        if self._performance is None or self._performance.is_lost:
            self._stack.close()
            self._count += 1
            folder = self._folder / f"{self.client}-{self.way.name.replace(' ', '-')}-{self._count}"
            scratch = folder / "scratch"
            scratch.mkdir(parents=True)
            endpoint = replace(self.way.endpoint, folder=scratch)
            engagement = Engagement(self.client, endpoint, self.way.storage)
            self._performance = self._stack.enter_context(performing(engagement, folder / "stderr.log"))
        return self._performance


def try_client(
    client: str, way: Way, actions: Sequence[str], folder: Path, report: Callable[[str], None] = lambda action: None
) -> Trial:
    """Let a client do the actions, each told to `report` before. A client that does not start has a result for each."""
    trial = Trial(client)
    with Company(client, way, folder) as company:
        for action in actions:
            report(action)
            try:
                performance = company.performance()
            except Gone as gone:
                trial.results[action] = Result(gone.outcome, str(gone))
                if gone.outcome is Outcome.NOT_INSTALLED:
                    return Trial(client, results=dict.fromkeys(actions, trial.results[action]))
                continue
            trial.version = performance.version
            prefix = f"{client}/{way.name.replace(' ', '-')}/"
            if action == DYING:
                trial.results[action] = read_while_a_node_dies(performance, way, prefix)
            else:
                trial.results[action] = performance.do(Task(action, prefix))
    return trial


def read_while_a_node_dies(performance: Performance, way: Way, prefix: str) -> Result:
    """A large read through a passage; the node that serves it is killed in the middle, and started again."""
    broken = way.broken()
    with passage_to(way.port) as passage:
        url = f"{way.scheme}://127.0.0.1:{passage.port}"
        try:
            performance.tell(Task(DYING, prefix, url).to_json())
        except Gone as gone:
            return Result(gone.outcome, str(gone))
        is_killed = passage.wait_for(KILL_AFTER, performance.has_answered)
        if is_killed:
            node = way.serving("large.")
            node.kill()
            performance.has_answered(AWAY_SECONDS)
            node.restart()
        result = performance.result()
    if not is_killed:
        return replace(result, outcome=Outcome.UNTRIED, reason="over before a node was killed") if result.is_ok else result
    if result.is_ok and (not way.admin or way.broken() > broken):
        return replace(result, reason=RETRIED)
    return result
