"""What is known of one exchange, from its request's head to its end."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from s3edge.events import Event, Subject
from s3edge.http1.head import RequestHead, ResponseHead
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.upload import Upload
from s3edge.resilience.hedge import Pace
from s3edge.routing.table import Plan
from s3edge.s3.request import S3Request

if TYPE_CHECKING:
    from s3edge.proxy.attempt import Attempt
    from s3edge.proxy.track import Track

# Outcomes of an exchange.
DONE = "done"
REFUSED = "refused"
FAILED = "failed"
CUT = "cut"
GONE = "client_gone"


class Progress:
    """The request and how far its answer has come; the meter is told at its end.

    `plan`, `track` and `pace` (None if it is no read) are what was decided for it. Times are seconds of the loop's
    clock: `waits_since` is when the client had done its part and began to wait. `first_byte` is how long it waited,
    None before the answer begins. `stays` and `is_reusable` tell whether the
    client's and the node's connection may carry another request. `attempt` is the one that the answer comes from now,
    `answer` the head that the client got, `sent` counts the bytes of its body with, `delivered` without chunked coding.
    `resumes` counts how often that has moved to another node, `vain_resumes` the last of them that brought no byte.
    `story` holds what was out of the ordinary.
    """

    __slots__ = (
        "answer",
        "attempt",
        "client",
        "delivered",
        "emit",
        "first_byte",
        "head",
        "is_invited",
        "is_reusable",
        "outcome",
        "pace",
        "plan",
        "request",
        "resumes",
        "sent",
        "started",
        "status",
        "stays",
        "story",
        "track",
        "upload",
        "vain_resumes",
        "waits_since",
    )

    plan: Plan
    track: "Track"
    pace: Pace | None
    answer: ResponseHead

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
        self.upload: Upload | None = None
        self.story: list[Event] | None = None
        self.outcome = GONE
        self.stays = self.is_reusable = False
        self.is_invited = False  # the client was told to go on with its body (100)
        self.status = self.sent = self.delivered = self.resumes = self.vain_resumes = 0

    def note(self, event: Event) -> None:
        """Something out of the ordinary happened."""
        if self.story is None:
            self.story = []
        self.story.append(event)
        self.emit(event)

    @property
    def subject(self) -> Subject:
        """The request, as events name it."""
        return Subject(self.request.operation, self.request.bucket, self.request.key)
