"""What the supervisor and its workers say to each other."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from s3edge.fleet import shared as fleet
from s3edge.fleet.shared import Division
from s3edge.qos.activity import Report, Source
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.journal import Entry
from s3edge.telemetry.meter import Columns


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeTurned(_Message):
    """To a worker: new attempts may, or may not, go to a node; if so, it is given `share` of its weight.

    A share of 0 is that of a drain: the node gets nothing even where no other one is left.
    """

    kind: Literal["node_turned"] = "node_turned"
    node: str
    is_up: bool
    share: float = 1.0


class NodeResolved(_Message):
    """To a worker: the IP addresses that a node's host name stands for now."""

    kind: Literal["node_resolved"] = "node_resolved"
    node: str
    addresses: tuple[str, ...]


class Hold(_Message):
    """To a worker: a tenant or client address may do so many requests, and be sent so many bytes, per second.

    That is for all workers together; None stands for no limit.
    """

    kind: Literal["hold"] = "hold"
    source: Source
    rate: float | None
    bandwidth: float | None


class Leased(_Message):
    """To a worker: what it may use of the limits that all workers hold together, where that changed."""

    kind: Literal["leased"] = "leased"
    division: Division


Fact = NodeTurned | NodeResolved | Hold | Leased


class Start(_Message):
    """To a worker, first: its number and how many there are, its listener's descriptor, the settings as JSON, facts."""

    kind: Literal["start"] = "start"
    number: int
    workers: int = 1
    listener: int
    settings: str
    facts: tuple[Annotated[Fact, Field(discriminator="kind")], ...]


class Ask(_Message):
    """To a worker: send a beat now; it echoes `question`, so that the answer is known to be fresh."""

    kind: Literal["ask"] = "ask"
    question: int


class AskFlows(_Message):
    """To a worker: say which requests are under way; it echoes `question`."""

    kind: Literal["ask_flows"] = "ask_flows"
    question: int
    query: Query


class Reload(_Message):
    """To a worker: read the certificate and its key again."""

    kind: Literal["reload"] = "reload"


class Reopen(_Message):
    """To a worker: open the file of the access log again, which was perhaps renamed."""

    kind: Literal["reopen"] = "reopen"


class Configure(_Message):
    """To a worker: serve by these settings from now on, as JSON; they differ in what can change live only."""

    kind: Literal["configure"] = "configure"
    settings: str


class Drain(_Message):
    """To a worker: take no new connections, finish the exchanges in flight within `seconds`, then exit."""

    kind: Literal["drain"] = "drain"
    seconds: float


class Demands(_Message):
    """From a worker: what it uses and wants of those limits."""

    kind: Literal["demands"] = "demands"
    report: fleet.Report


class Ready(_Message):
    """From a worker: it accepts connections."""

    kind: Literal["ready"] = "ready"


class Failed(_Message):
    """From a worker, last: it cannot start, for a reason that the operator can mend."""

    kind: Literal["failed"] = "failed"
    reason: str


class Counts(_Message):
    """From a worker: one part of all that it counted, beginning with part 0; the next beat that `has_counts` ends them.

    It comes in parts, since to write a thousand tenants' counts in one go would hold up the worker's clients.
    """

    kind: Literal["counts"] = "counts"
    part: int
    columns: Columns


class Beat(_Message):
    """From a worker: it lives, and the events since the last beat; `has_counts` if all its counts came before it.

    `lag` is the longest that its loop was late since the last beat and `cpu` what the process used since it began, both
    in seconds; `resident` is its memory in bytes. `question` is that of the Ask it answers, 0 for a regular beat.
    `activity` is what sources did since the last beat, by the policy whose guard judges it.
    """

    kind: Literal["beat"] = "beat"
    question: int = 0
    lag: float
    cpu: float
    resident: int
    has_counts: bool = False
    events: tuple[Entry, ...] = ()
    activity: dict[str, Report] = Field(default_factory=dict)


class FlowsFound(_Message):
    """From a worker: the answer to an AskFlows."""

    kind: Literal["flows_found"] = "flows_found"
    question: int
    found: Found


ToWorker = Start | NodeTurned | NodeResolved | Hold | Leased | Ask | AskFlows | Reload | Reopen | Configure | Drain
FromWorker = Ready | Failed | Demands | Counts | Beat | FlowsFound
Message = ToWorker | FromWorker

MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
