"""A node in a process of its own, which can be killed, frozen and started again; and finite nodes of this kind."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from loadtests.child import Child, running
from loadtests.finite_nodes import Capacity, Counts, FiniteNode, command_line
from loadtests.misbehaving import HEALTH_PATH, ROOT
from loadtests.ports import answers, free_ports

Start = Callable[[], AbstractContextManager[Child]]
"""Starts a node, always on the same port, and ends it at the end of the block. Raises ChildError."""


class MortalNode:
    """One node; `child` is its present process."""

    def __init__(self, port: int, start: Start) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._start = start
        self._life = ExitStack()
        self.child = self._life.enter_context(start())

    def kill(self) -> None:
        """SIGKILL: connections are lost, new ones refused."""
        self.child.process.kill()
        self.child.process.wait()

    def restart(self) -> None:
        """Start anew on the same port. Raises ChildError."""
        self.end()
        self.child = self._life.enter_context(self._start())

    def freeze(self) -> None:
        """SIGSTOP: the kernel still takes connections and bytes, nobody answers."""
        self.child.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self.child.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process, frozen or not."""
        self.thaw()
        self._life.close()


class MortalFiniteNode(MortalNode):
    """A finite node whose counts survive its death."""

    def __init__(self, port: int, start: Start) -> None:
        super().__init__(port, start)
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
