"""What s3edge decided, as values: the one vocabulary of log, metrics, traces and event stream.

An event is made only where something was out of the ordinary, so that a request that simply works costs none. Names are
in the past tense. `text` says it in plain words, and these are the words everywhere.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from s3edge.config.units import GIB, MIB


def number_text(number: float) -> str:
    """A number as texts have it: `1,240`, `31`, `4.2`."""
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}"


def byte_rate_text(rate: float) -> str:
    """Bytes per second as texts have them: `1.2 GiB/s`, `53 MiB/s`."""
    return f"{number_text(rate / GIB)} GiB/s" if rate >= GIB else f"{number_text(rate / MIB)} MiB/s"


class Cause(StrEnum):
    """What a request was shed by."""

    LIMIT = "limit"  # of the edge, the tenant, the client address or the bucket
    GUARD = "guard"  # what it holds the tenant or the client address to
    CAPACITY = "capacity"  # of the nodes: none could take it in time


class End(StrEnum):
    """How an attempt at a node ended."""

    DONE = "done"
    UNREACHABLE = "unreachable"  # no connection: the node has seen nothing
    CLOSED = "closed"  # the connection ended before an answer
    TIMEOUT = "timeout"  # no answer within `answer_timeout`
    GARBAGE = "garbage"  # what came was no answer
    ERROR = "error"  # 500, 502, 503 or 504
    SLOW_DOWN = "slow_down"  # 503 SlowDown: the node wants less traffic
    BROKE_OFF = "broke_off"  # the body ended in the middle
    STALLED = "stalled"  # no byte of the body within the stall limit
    MISMATCH = "mismatch"  # a body could not go on with this answer: it is not of the same object
    BEATEN = "beaten"  # another attempt's answer came first
    CLIENT_GONE = "client_gone"  # the client left, or took nothing for too long
    EDGE = "edge"  # s3edge itself could not go on

    @property
    def words(self) -> str:
        """As people read it."""
        return self.replace("_", " ")

    @property
    def is_nodes_fault(self) -> bool:
        """Whether it speaks against the node."""
        return self in _NODES_FAULTS


_NODES_FAULTS = frozenset(
    (End.UNREACHABLE, End.CLOSED, End.TIMEOUT, End.GARBAGE, End.ERROR, End.BROKE_OFF, End.STALLED)
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The request that an event is about, without anything secret."""

    operation: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Event(ABC):
    """What was decided about `node`; `subject` is the request, if it was for one."""

    level: ClassVar[str] = "info"

    node: str
    subject: Subject | None

    @property
    def name(self) -> str:
        """The kind of the event."""
        return type(self).__name__

    @abstractmethod
    def text(self) -> str:
        """What happened, in plain words."""


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """An attempt brought no answer that the client should have, or was not waited for any longer."""

    end: End
    detail: str

    def text(self) -> str:
        said = f"{self.node} {self.end.words}"
        return f"{said}: {self.detail}" if self.detail else said


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """The request was sent to another node, `node`."""

    def text(self) -> str:
        return f"retried at {self.node}"


@dataclass(frozen=True, slots=True)
class Hedged(Event):
    """A second node, `node`, was asked, since the first took longer than `after` seconds."""

    after: float

    def text(self) -> str:
        return f"hedged at {self.node} after {self.after * 1000:.0f} ms"


@dataclass(frozen=True, slots=True)
class HedgeWon(Event):
    """The second node answered first."""

    def text(self) -> str:
        return f"the hedge at {self.node} won"


@dataclass(frozen=True, slots=True)
class BodyBroken(Event):
    """A body that was flowing to the client ended or stood still after `offset` bytes."""

    end: End
    offset: int

    def text(self) -> str:
        return f"{self.node} {self.end.words} after {self.offset} bytes of the body"


@dataclass(frozen=True, slots=True)
class BodyResumed(Event):
    """A broken body went on from `node` at `offset`, `gap` seconds after its last byte; `skipped` bytes came again."""

    offset: int
    gap: float
    skipped: int

    def text(self) -> str:
        return f"resumed from {self.node} at byte {self.offset} after {self.gap * 1000:.0f} ms"


@dataclass(frozen=True, slots=True)
class BodyCut(Event):
    """A broken body could not go on, so the client's connection was cut after `offset` bytes."""

    level: ClassVar[str] = "warning"

    offset: int
    reason: str

    def text(self) -> str:
        return f"cut after {self.offset} bytes: {self.reason}"


@dataclass(frozen=True, slots=True)
class RequestShed(Event):
    """More was asked for than is allowed, or than nodes can take, so the client was told SlowDown; `node` is empty."""

    level: ClassVar[str] = "warning"

    tenant: str
    cause: Cause
    reason: str

    def text(self) -> str:
        return f"shed by {self.cause}: {self.reason} (tenant {self.tenant})"


@dataclass(frozen=True, slots=True)
class NodeEjected(Event):
    """Live traffic took the node away for `seconds`."""

    level: ClassVar[str] = "warning"

    reason: str
    seconds: float

    def text(self) -> str:
        return f"{self.node} ejected for {self.seconds:g} s: {self.reason}"


@dataclass(frozen=True, slots=True)
class NodeProbed(Event):
    """The time of an ejection is over: one request tries the node."""

    def text(self) -> str:
        return f"{self.node} is tried by one request"


@dataclass(frozen=True, slots=True)
class NodeReturned(Event):
    """The node takes requests again."""

    def text(self) -> str:
        return f"{self.node} takes requests again"


@dataclass(frozen=True, slots=True)
class NodeThrottled(Event):
    """The node answered SlowDown and gets at most `rate` requests a second for now."""

    rate: float

    def text(self) -> str:
        return f"{self.node} is given at most {self.rate:.0f} requests/s"


@dataclass(frozen=True, slots=True)
class NodeUnthrottled(Event):
    """The node is no longer held to a rate."""

    def text(self) -> str:
        return f"{self.node} is no longer held to a rate"


@dataclass(frozen=True, slots=True)
class NodeTurned(Event):
    """Probes, or an operator, changed the state of the node."""

    state: str
    reason: str

    def text(self) -> str:
        return f"{self.node} is {self.state}: {self.reason}"


@dataclass(frozen=True, slots=True)
class SourceThrottled(Event):
    """A tenant or client, `source`, has run away, or was pinned, and may do so much for now; `node` is empty.

    `rate` is in requests per second, `bandwidth` in sent bytes per second, None for no limit.
    """

    level: ClassVar[str] = "warning"

    source: str
    rate: float
    bandwidth: float | None
    reason: str

    def text(self) -> str:
        bandwidth = "" if self.bandwidth is None else f" and {byte_rate_text(self.bandwidth)}"
        return f"{self.source} is held to {number_text(self.rate)} requests/s{bandwidth}: {self.reason}"


@dataclass(frozen=True, slots=True)
class SourceReleased(Event):
    """A tenant or client, `source`, is held to nothing any more; `node` is empty."""

    source: str
    reason: str

    def text(self) -> str:
        return f"{self.source} is let go: {self.reason}"


@dataclass(frozen=True, slots=True)
class SourceObserved(Event):
    """A tenant or client, `source`, has run away, and the guard may only say so; `node` is empty."""

    source: str
    reason: str

    def text(self) -> str:
        return f"{self.source} has run away and is only observed: {self.reason}"


@dataclass(frozen=True, slots=True)
class ConfigApplied(Event):
    """A changed configuration is in force; `changed` names its parts, and `node` is empty."""

    changed: str

    def text(self) -> str:
        return f"a new configuration is in force; it changes {self.changed}"


@dataclass(frozen=True, slots=True)
class ConfigRefused(Event):
    """A changed configuration was not taken, and the one before stays in force; `node` is empty."""

    level: ClassVar[str] = "warning"

    reason: str

    def text(self) -> str:
        return f"a new configuration was refused: {self.reason}"


@dataclass(frozen=True, slots=True)
class WorkerReplaced(Event):
    """The worker process of this `number` ended, as `ending` says, and another one takes its place; `node` is empty."""

    level: ClassVar[str] = "warning"

    number: int
    ending: str

    def text(self) -> str:
        return f"worker {self.number} {self.ending}, and is replaced"


@dataclass(frozen=True, slots=True)
class EventsLeftOut(Event):
    """More happened than could be told: `count` events are missing here. All of them were counted."""

    level: ClassVar[str] = "warning"

    count: int

    def text(self) -> str:
        return f"{self.count} events were left out"
