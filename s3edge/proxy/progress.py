"""What is known of one exchange, from its request's head to its end."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from s3edge.events import Event, Subject
from s3edge.http1.head import RequestHead, ResponseHead
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.upload import Upload
from s3edge.qos.activity import Source
from s3edge.qos.limiter import Limiter
from s3edge.resilience.hedge import Pace
from s3edge.routing.table import Plan
from s3edge.s3.request import S3Request
from s3edge.transport.pacing import Flow
from s3edge.transport.transfer import Transfer

if TYPE_CHECKING:
    from s3edge.proxy.attempt import Attempt
    from s3edge.proxy.flows import Look
    from s3edge.proxy.tracing import Trace
    from s3edge.proxy.track import Track

# Outcomes of an exchange.
DONE = "done"
REFUSED = "refused"
FAILED = "failed"
CUT = "cut"
GONE = "client_gone"


class Progress:
    """The request and how far its answer has come; the meter is told at its end.

    `tenant`, `plan`, `track` and `pace` (None if it is no read) are what was decided for it. `limiters` are the limits
    that it falls under, which it takes its part of while it `is_admitted`; `flow` is what paces its answer's body, if
    anything does, and `prepaid` what its place at a node was charged (see `Caller`). Times are seconds of the loop's
    clock: `waits_since` is when the client had done its part and began to wait. `first_byte` is how long it waited,
    None before the answer begins. `stays` and `is_reusable` tell whether the client's and the node's connection may
    carry another request. `attempt` is the one that the answer comes from now, `answer` the head that the client got,
    `body` what moves its body now; `sent` counts the bytes that were moved before with, `delivered` without chunked
    coding. `resumes` counts how often that has gone on from another node, after `gaps` seconds in all, `vain_resumes`
    the last of them that brought no byte. `story` holds what was out of the ordinary, `trace` what is kept for spans,
    None if it is not traced. `raced` counts the attempts, unless the first one was all, and `waited` is how long it has
    waited for room under limits. `refusal` is the code of the error that s3edge answered with, and the id of that
    answer. `node` is where the answer came from, empty if from none: it is for `Reader`.

    The runaway guard knows of `reported_received` bytes from the client and of `reported_sent` to it. `shed_at` are
    the sources whose limit the request was shed by.

    `asked` is the node that a race asked last, `look` what `Flows` remembers of it; neither is there before.
    """

    __slots__ = (
        "answer",
        "asked",
        "attempt",
        "body",
        "client",
        "delivered",
        "emit",
        "first_byte",
        "flow",
        "gaps",
        "head",
        "is_admitted",
        "is_invited",
        "is_reusable",
        "limiters",
        "look",
        "node",
        "outcome",
        "pace",
        "plan",
        "prepaid",
        "raced",
        "refusal",
        "reported_received",
        "reported_sent",
        "request",
        "resumes",
        "sent",
        "shed_at",
        "started",
        "status",
        "stays",
        "story",
        "tenant",
        "trace",
        "track",
        "upload",
        "vain_resumes",
        "waited",
        "waits_since",
    )

    tenant: str
    plan: Plan
    track: "Track"
    pace: Pace | None
    answer: ResponseHead
    asked: str
    look: "Look"
    node: str

    def __init__(
        self,
        client: ClientConnection,
        head: RequestHead,
        request: S3Request,
        started: float,
        emit: Callable[[Event], None],
    ) -> None:
        self.client = client
        self.head = head
        self.request = request
        self.started = self.waits_since = started
        self.emit = emit
        self.first_byte: float | None = None
        self.attempt: Attempt | None = None
        self.body: Transfer | None = None
        self.upload: Upload | None = None
        self.story: list[Event] | None = None
        self.trace: Trace | None = None
        self.flow: Flow | None = None
        self.limiters: tuple[Limiter, ...] = ()
        self.shed_at: tuple[Source, ...] = ()
        self.reported_received = self.reported_sent = 0
        self.prepaid = self.gaps = self.waited = 0.0
        self.refusal: tuple[str, str] | None = None
        self.is_admitted = False
        self.outcome = GONE
        self.stays = self.is_reusable = False
        self.is_invited = False  # the client was told to go on with its body (100)
        self.status = self.raced = self.sent = self.delivered = self.resumes = self.vain_resumes = 0

    def note(self, event: Event) -> None:
        """Something out of the ordinary happened."""
        if self.story is None:
            self.story = []
        self.story.append(event)
        if self.trace is not None:
            self.trace.noted.append(self.client.loop.time())
        self.emit(event)

    @property
    def sources(self) -> tuple[Source, Source]:
        """Its tenant and its client's address, as the runaway guard knows them."""
        return Source("tenant", self.tenant), Source("client", self.client.address)

    @property
    def is_under_way(self) -> bool:
        """Whether it was decided how nodes are asked for it: then it goes on in that way."""
        return hasattr(self, "track")

    @property
    def is_waiting(self) -> bool:
        """Whether it falls under limits that have no room for it yet."""
        return bool(self.limiters) and not self.is_admitted

    @property
    def subject(self) -> Subject:
        """The request, as events name it."""
        return Subject(self.request.operation, self.request.bucket, self.request.key)


Reader: TypeAlias = Callable[[Progress, int, float], None]
"""Is told of each exchange at its end: all that is known, the body bytes that came from the client, and the instant."""
