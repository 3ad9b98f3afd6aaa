"""Finite nodes, each in a process of its own, which can be killed, frozen and started again."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from loadtests.child import running
from loadtests.finite_nodes import Capacity, Counts, FiniteNode, command_line
from loadtests.misbehaving import HEALTH_PATH, ROOT
from loadtests.mortal_node import MortalNode, Start
from loadtests.ports import answers, free_ports


class MortalFiniteNode(MortalNode):
    """A finite node whose counts survive its death."""

    def __init__(self, port: int, start: Start) -> None:
        super().__init__(f"http://127.0.0.1:{port}", start)
        self._past = Counts()

    def counts(self) -> Counts:
        """What it saw so far, in all its lives. Raises OSError if it does not live."""
        return added(self._past, FiniteNode(self.port).counts())

    def kill(self) -> None:
        """SIGKILL. What reaches it between the question for its counts and its death is not counted."""
        self._past = added(self.counts(), Counts())
        super().kill()


def added(past: Counts, present: Counts) -> Counts:
    """The counts of two lives of one node. What was in flight when the first ended was lost with it."""
    return Counts(
        arrived=past.arrived + present.arrived,
        served=past.served + present.served,
        left=past.left + present.left,
        in_flight=present.in_flight,
        most_in_flight=max(past.most_in_flight, present.most_in_flight),
        sent=past.sent + present.sent,
    )


@contextmanager
def mortal_finite_nodes(count: int, folder: Path, capacity: Capacity) -> Iterator[Sequence[MortalFiniteNode]]:
    """`count` nodes of `capacity` each, on free ports, their output in `folder`. Raises ChildError."""
    with ExitStack() as stack:
        nodes = []
        for port in free_ports(count):
            start = partial(
                running,
                f"node-{port}",
                command_line([port], capacity),
                folder,
                partial(answers, port, HEALTH_PATH),
                environment={"PYTHONPATH": str(ROOT)},
            )
            nodes.append(MortalFiniteNode(port, start))
            stack.callback(nodes[-1].end)
        yield nodes
