"""A node in a process of its own, which can be killed, frozen and started again."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from loadtests.child import Child

Start = Callable[[], AbstractContextManager[Child]]
"""Starts a node, always on the same port, and ends it at the end of the block. Raises ChildError."""


class MortalNode:
    """One node; `child` is its present process."""

    def __init__(self, url: str, start: Start) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
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
