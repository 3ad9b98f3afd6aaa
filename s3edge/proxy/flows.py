"""A look at the requests under way of one worker: which of them an operator wants to see, and how far they are.

Nothing is kept for it while nobody looks. A look walks over all flows in slices and gives the loop back in between, so
that ten thousand of them hold up no byte; only the rows that are shown are described.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Final

from s3edge.proxy.client import ClientConnection
from s3edge.proxy.progress import Progress
from s3edge.s3.operation import KINDS
from s3edge.telemetry.flows import (
    Best,
    Column,
    Flow,
    FlowState,
    Found,
    Query,
    Value,
    folded,
    full_key,
    shortened,
)

# Flows that are looked at in one go: with a filter, which costs most, less than a millisecond.
SLICE: Final = 200
# Seconds for the data path between two slices. A look at 10,000 flows so takes about a tenth of a second.
PAUSE: Final = 0.001
# Seconds. What moved in less is no rate: splice alone moves a megabyte at a time.
SHORTEST: Final = 0.2


class Look:
    """What is remembered of a flow from one look to the next: its number, and when it had moved how much."""

    __slots__ = ("at", "moved", "number", "rate")

    def __init__(self, number: int) -> None:
        self.number = number
        self.at: float | None = None
        self.moved = 0
        self.rate = 0.0


class Flows:
    """Looks at the flows of one worker; `clients` gives its clients, `now` is its loop's clock."""

    def __init__(self, clients: Callable[[], Collection[ClientConnection]], now: Callable[[], float]) -> None:
        self._clients = clients
        self._now = now
        self._last = 0

    async def look(self, query: Query) -> Found:
        """The rows that a query asks for. Takes a turn of the loop, and a pause, for each slice."""
        best: Best[Progress] = Best(query)
        value = self._rate if query.column is Column.RATE else _VALUES[query.column]
        words = query.filter
        total = matching = 0
        clients = list(self._clients())
        running = (client.progress for client in clients if client.progress is not None)
        while piece := list(islice(running, SLICE)):
            fitting = [progress for progress in piece if _fits(progress, words)] if words else piece
            best.offer([(value(progress), progress.started, progress) for progress in fitting])
            total += len(piece)
            matching += len(fitting)
            await asyncio.sleep(PAUSE)
        flows: list[Flow] = []
        shown = iter(best.items)
        while rows := list(islice(shown, SLICE)):
            flows += [self._describe(progress) for progress in rows if progress.client.progress is progress]
            await asyncio.sleep(PAUSE)
        return Found(total, matching, tuple(flows))

    def _remembered(self, progress: Progress) -> Look:
        look = getattr(progress, "look", None)
        if look is None:
            self._last += 1
            look = progress.look = Look(self._last)
        return look

    def _rate(self, progress: Progress) -> float:
        """Bytes per second since the last look that is not too near; since its start, if there was none."""
        look, now = self._remembered(progress), self._now()
        since, before = (progress.started, 0) if look.at is None else (look.at, look.moved)
        if look.at is None or now - since >= SHORTEST:
            moved = sent(progress) + received(progress)
            # An upload that begins again at another node has moved less than before.
            look.rate = max(0, moved - before) / (now - since) if now > since else 0.0
            look.at, look.moved = now, moved
        return look.rate

    def _describe(self, progress: Progress) -> Flow:
        request = progress.request
        state = _state(progress)
        return Flow(
            self._remembered(progress).number,
            progress.tenant,
            progress.client.address,
            request.operation,
            KINDS[request.operation],
            shortened(request.bucket),
            shortened(request.key),
            _node(progress),
            state,
            sent(progress),
            received(progress),
            _size(progress, state),
            self._rate(progress),
            self._now() - progress.started,
            progress.resumes,
        )


def _fits(progress: Progress, words: str) -> bool:
    request = progress.request
    text = "\n".join(
        (
            progress.tenant,
            progress.client.address,
            request.operation,
            full_key(request.bucket, request.key),
            _node(progress),
            _state(progress),
        )
    )
    return words in folded(text)


def _state(progress: Progress) -> FlowState:
    if progress.body is not None:
        return FlowState.SENDING
    if not _node(progress):
        return FlowState.WAITING
    upload = progress.upload
    if upload is not None and upload.transfer is not None and not upload.transfer.is_done:
        return FlowState.RECEIVING
    return FlowState.ASKING


def _node(progress: Progress) -> str:
    """The node that it is served by, or that was asked last; empty if none was."""
    attempt = progress.attempt
    if attempt is not None:
        return attempt.node
    asked: str = getattr(progress, "asked", "")
    return asked


def sent(progress: Progress) -> int:
    """Body bytes that the client was sent so far."""
    body = progress.body
    return progress.sent if body is None else progress.sent + body.moved


def received(progress: Progress) -> int:
    """Body bytes that came from the client so far, of those that the present node was sent."""
    return 0 if progress.upload is None else progress.upload.moved


def _size(progress: Progress, state: FlowState) -> int | None:
    """How long the body is that moves now, or that the client is to bring; None if nobody knows."""
    length = progress.answer.length if state is FlowState.SENDING else progress.head.length
    return length if length > 0 else None


_VALUES: Final[Mapping[Column, Callable[[Progress], Value]]] = {
    Column.AGE: lambda progress: -progress.started,
    Column.SENT: sent,
    Column.RECEIVED: received,
    Column.SIZE: lambda progress: _size(progress, _state(progress)) or -1,
    Column.RESUMES: lambda progress: progress.resumes,
    Column.TENANT: lambda progress: progress.tenant,
    Column.CLIENT: lambda progress: progress.client.address,
    Column.OPERATION: lambda progress: progress.request.operation,
    Column.KEY: lambda progress: full_key(progress.request.bucket, progress.request.key),
    Column.NODE: _node,
    Column.STATE: _state,
}
