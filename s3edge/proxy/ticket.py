"""What a request waits with until the limits that it falls under let it start."""

import asyncio

from s3edge.proxy.progress import Progress
from s3edge.qos.account import Account
from s3edge.qos.limiter import Limiter
from s3edge.qos.line import Entry, Line
from s3edge.s3.operation import OperationClass


class TooLateError(Exception):
    """A request that waited is not to wait any longer; says why."""


class Ticket(Entry):
    """A request that waits to start in the `line` of a `limiter`; `turn` tells that it has started."""

    __slots__ = ("kind", "limiter", "line", "progress", "turn")

    def __init__(self, account: Account, progress: Progress, kind: OperationClass, deadline: float) -> None:
        super().__init__(account, progress.plan.priority, deadline)
        self.progress = progress
        self.kind = kind
        self.line: Line | None = None
        self.limiter: Limiter | None = None
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, now: float) -> None:
        """The request starts."""
        for limiter in self.progress.limiters:
            limiter.take(self.kind, now)
        self.progress.is_admitted = True
        self.turn.set_result(None)

    def refuse(self, reason: str) -> None:
        """The request is not to wait any longer."""
        if not self.turn.done():
            self.turn.set_exception(TooLateError(reason))
