"""All actions of one client on the ways of one scheme."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

from loadtests.matrix.actions import DYING
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.passage import passage_to
from loadtests.matrix.performance import Gone, Performance, performing
from loadtests.matrix.performer import Task
from loadtests.matrix.record import Trial
from loadtests.matrix.store import LARGE_SIZE
from loadtests.matrix.ways import Way

KILL_AFTER = LARGE_SIZE // 4
"""Bytes of the large object that have passed when the node is killed: less than the buffers between can hide."""

AWAY_SECONDS = 0.5
"""From a node's death to its start: longer than s3edge needs to go on, shorter than clients go on trying."""

RETRIED = "the client tried again by itself"

Tell = Callable[[Way, str], object]
"""Is told the way and the action that come next."""


class Company:
    """The performer of a client, with another one in its place if it was lost."""

    def __init__(self, client: str, folder: Path) -> None:
        self.client = client
        self._folder = folder
        self._stack = ExitStack()
        self._performance: Performance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def performance(self, way: Way) -> Performance:
        """The one at hand, or a new one. Raises Gone if it does not start."""
        if self._performance is None or self._performance.is_lost:
            self._stack.close()
            started = performing(self.client, way.settings, self._folder / f"{self.client}.log")
            self._performance = self._stack.enter_context(started)
        return self._performance

    def scratch(self) -> Path:
        """A new empty folder."""
        return Path(mkdtemp(prefix=f"{self.client}-", dir=self._folder))


def try_client(client: str, ways: Sequence[Way], actions: Sequence[str], folder: Path, tell: Tell) -> list[Trial]:
    """Let a client do the actions on each way, of which `tell` is told before."""
    with Company(client, folder) as company:
        return [_try_way(company, way, actions, tell) for way in ways]


def _try_way(company: Company, way: Way, actions: Sequence[str], tell: Tell) -> Trial:
    """A client that is not there, or does not start, is not asked again for each action."""
    trial = Trial(company.client, way.name)
    endpoint = replace(way.endpoint, folder=company.scratch())
    for action in actions:
        tell(way, action)
        try:
            performance = company.performance(way)
        except Gone as gone:
            trial.results |= dict.fromkeys(actions[len(trial.results) :], Result(gone.outcome, str(gone)))
            break
        trial.version = performance.version
        task = Task(action, endpoint, way.storage, f"{company.client}/{way.name.replace(' ', '-')}/")
        if action == DYING:
            trial.results[action] = read_while_a_node_dies(performance, way, task, company.scratch())
        else:
            trial.results[action] = performance.do(task)
    return trial


def read_while_a_node_dies(performance: Performance, way: Way, task: Task, folder: Path) -> Result:
    """A large read through a passage; the node that serves it is killed in the middle, and started again.

    Raises NotAtOne and what nodes raise.
    """
    broken = way.broken()
    with passage_to(way.port) as passage:
        through = replace(task.endpoint, url=f"{way.scheme}://127.0.0.1:{passage.port}", folder=folder)
        performance.tell(replace(task, endpoint=through).to_json())
        is_killed = passage.wait_for(KILL_AFTER, performance.has_answered)
        if is_killed:
            node = way.serving("large.")
            node.kill()
            performance.has_answered(AWAY_SECONDS)
            node.restart()
        result = performance.result()
    way.peers.await_agreement()
    if not result.is_ok:
        return result
    if not is_killed:
        return replace(result, outcome=Outcome.UNTRIED, reason="over before a node was killed")
    is_noticed = not way.admin or way.broken() > broken
    return replace(result, reason=RETRIED) if is_noticed else result
