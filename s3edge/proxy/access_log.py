"""The access log: one line of JSON for each exchange.

Lines are made by the worker's loop, some dozens in one go, and not by the thread that writes them: it is the same work,
and the loop would wait for it all the same. What repeats from request to request is quoted once and remembered. Nothing
secret gets here: of a head only those fields are shown that are named below, and a query only as `sigv4.redacted`
leaves it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from time import gmtime, strftime
from typing import Final, TypeAlias, TypeVar

from s3edge.errors import EdgeError
from s3edge.events import Hedged
from s3edge.http1.head import RequestHead
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.identity import QUESTION_MARK
from s3edge.proxy.introduction import Introduction, introduced, trace_id
from s3edge.proxy.progress import DONE, REFUSED, Progress
from s3edge.s3.operation import TRAITS, Operation
from s3edge.s3.sigv4 import redacted
from s3edge.telemetry.printable import quoted

FIELDS: Final = (
    *("time", "worker", "request_id", "client", "access_key", "user_agent", "trace_id"),
    *("tenant", "policy", "method", "operation", "class", "bucket", "key", "query", "range"),
    *("status", "outcome", "error", "received", "payload", "sent", "waited", "first_byte", "duration"),
    *("node", "attempts", "hedged", "resumes", "sampled"),
)
"""The fields of a line, in their order; one that has nothing to say is left out."""

# Most bytes of a value as it is written, without quotes: together with all else, less than a pipe takes as a whole. An
# ASCII key of S3's 1,024 bytes fits, and so does one in Chinese, Japanese or Korean.
LONGEST_KEY: Final = 2048
LONGEST_QUERY: Final = 320
LONGEST_BUCKET: Final = 256
LONGEST_WORD: Final = 64
# Bytes of a query that are looked at.
_QUERY_READ: Final = 4096

# Statuses that are ordinary answers: clients ask whether something is there, or whether it is as they know it.
_ORDINARY: Final = frozenset((404, 412))
# Of what repeats; a few hundred bytes each.
_MOST_REMEMBERED: Final = 4096

_ONE_TRY: Final = ',"attempts":1'
_CR: Final = b"\r"
_REQUEST_ID: Final = b"\nx-amz-request-id: "

_Key = TypeVar("_Key")
_Kind: TypeAlias = tuple[str, str | None, bytes, Operation, str]
"""What many requests have in common: tenant, policy, method, operation and bucket."""

Ended: TypeAlias = tuple[Progress, int, float, str]
"""An exchange that is over, the body bytes that came from its client, the instant, and what the line says last."""
Record: TypeAlias = Ended | str
"""What a line is made of; one that is seldom is made already."""


class AccessLog:
    """Gives what lines are made of to `add`; of what went well, 1 in `successes`, counted apart for each operation."""

    def __init__(self, lines: "Lines", add: Callable[[Record], None], successes: int) -> None:
        self.successes = successes
        self._lines = lines
        self._add = add
        self._passed: defaultdict[Operation, int] = defaultdict(int)

    def ended(self, progress: Progress, received: int, now: float) -> None:
        """An exchange came to its end at `now`; `received` are the body bytes that came from the client."""
        last = ""
        if self.successes > 1 and progress.outcome == DONE and (progress.status < 400 or progress.status in _ORDINARY):
            operation = progress.request.operation
            self._passed[operation] += 1
            if self._passed[operation] % self.successes:
                return
            last = f',"sampled":{self.successes}'
        self._add((progress, received, now, last))

    def refused(self, client: ClientConnection, head: RequestHead | None, error: EdgeError, request_id: str) -> None:
        """A head that was not understood (None), or came over a connection too many, was answered with `error`."""
        self._add(self._lines.of_refusal(client, head, error, request_id))


class Lines:
    """Makes the lines of worker number `worker`.

    `now` is the loop's clock, `wall` that of people, in seconds since 1970.
    """

    def __init__(self, worker: int, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._worker = f',"worker":{worker}'
        self._clock = _Clock(now, wall)
        self._kinds: dict[_Kind, str] = {}
        self._seconds = _Seconds()

    def of(self, records: Sequence[Record]) -> str:
        """The lines, each with its end, in their order."""
        self._clock.look()
        return "".join([record if isinstance(record, str) else self._of_exchange(*record) for record in records])

    def _of_exchange(self, progress: Progress, received: int, now: float, last: str) -> str:
        request, head, first_byte = progress.request, progress.head, progress.first_byte
        said = introduced(progress.client, head)
        if (
            said.plan is not progress.plan
            or said.operation is not request.operation
            or said.bucket != request.bucket
            or said.tenant != progress.tenant
            or said.method != head.method
        ):
            self._remember(said, progress)
        key = more = error = payload = tries = ""
        if request.raw_key:
            # A client that escapes a whole presigned URL makes a key of it.
            is_odd = QUESTION_MARK in request.raw_key
            key = f',"key":{quoted(redacted(request.raw_key).encode() if is_odd else request.raw_key, LONGEST_KEY)}'
        if QUESTION_MARK in head.target:
            more = _query(head.target)
        if head.has_range:
            more += f',"range":{quoted(head.header(b"range") or b"", LONGEST_WORD)}'
        if progress.refusal is not None:
            error = f',"error":{quoted(progress.refusal[0].encode(), LONGEST_WORD)}'
        if head.length:
            payload = f',"payload":"{request.payload_kind}"'
        if progress.raced or progress.resumes:
            tries = _tries(progress)
        if progress.node:
            tries = f',"node":"{progress.node}"{tries or _ONE_TRY}'
        trace = _trace_id(progress) if said.is_traced or progress.trace is not None else ""
        times = "" if first_byte is None else f',"first_byte":{self._seconds[first_byte]}'
        if progress.waited:
            times = f',"waited":{self._seconds[progress.waited]}{times}'
        return (
            f'{{"time":"{self._clock[progress.started]}"{self._worker}{_request_id(progress)}{said.text}{trace}'
            f'{said.asked}{key}{more},"status":{progress.status},"outcome":"{progress.outcome}"{error}'
            f',"received":{received}{payload},"sent":{progress.sent}{times}'
            f',"duration":{self._seconds[now - progress.started]}{tries}{last}}}\n'
        )

    def _remember(self, said: Introduction, progress: Progress) -> None:
        request = progress.request
        said.plan, said.tenant, said.method = progress.plan, progress.tenant, progress.head.method
        said.operation, said.bucket = request.operation, request.bucket
        kind = (progress.tenant, progress.plan.policy, said.method, request.operation, request.bucket)
        said.asked = self._kinds.get(kind) or self._kind(kind)

    def of_refusal(self, client: ClientConnection, head: RequestHead | None, error: EdgeError, request_id: str) -> str:
        """The line of a request that became no exchange."""
        self._clock.look()
        kind = (client.tenant, None, b"" if head is None else head.method, Operation.Other, "")
        return (
            f'{{"time":"{self._clock[client.loop.time()]}"{self._worker},"request_id":"{request_id}"'
            f',"client":"{client.address}"{self._kind(kind)},"status":{error.status},"outcome":"{REFUSED}"'
            f',"error":{quoted(error.code.encode(), LONGEST_WORD)},"received":0,"sent":0,"duration":0.000000}}\n'
        )

    def _kind(self, kind: _Kind) -> str:
        tenant, policy, method, operation, bucket = kind
        text = f',"tenant":{quoted(tenant.encode(), LONGEST_WORD)}'
        if policy:
            text += f',"policy":{quoted(policy.encode(), LONGEST_WORD)}'
        if method:
            text += f',"method":{quoted(method, LONGEST_WORD)}'
        text += f',"operation":"{operation}","class":"{TRAITS[operation].kind}"'
        if bucket:
            text += f',"bucket":{quoted(bucket.encode("utf-8", "surrogateescape"), LONGEST_BUCKET)}'
        if len(bucket) <= LONGEST_BUCKET:
            _remember(self._kinds, kind, text)
        return text


class _Clock(dict[float, str]):
    """Instants of the loop's clock, which has milliseconds, as the time of people in ISO 8601."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._wall = wall
        self._ahead = 0.0
        self._second, self._text = 0, ""

    def look(self) -> None:
        """Look at the clock of people, which they may have set."""
        self._ahead = self._wall() - self._now()
        self.clear()

    def __missing__(self, instant: float) -> str:
        second, milliseconds = divmod(round((instant + self._ahead) * 1000), 1000)
        if second != self._second:
            self._second, self._text = second, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        text = self[instant] = f"{self._text}.{milliseconds:03d}Z"
        return text


class _Seconds(dict[float, str]):
    """Spans of time as numbers of JSON, in seconds. The loop's clock has milliseconds, so short ones repeat."""

    def __missing__(self, seconds: float) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        text = self[seconds] = f"{seconds:.6f}"
        return text


def _request_id(progress: Progress) -> str:
    """The id of the answer that the client got, from the node or from s3edge itself."""
    if progress.refusal is not None:
        return f',"request_id":"{progress.refusal[1]}"'
    if not progress.status:
        return ""
    answer = progress.answer
    start = answer.lower.rfind(_REQUEST_ID)
    if start < 0:
        return ""
    return f',"request_id":{quoted(answer.raw[start + len(_REQUEST_ID) : answer.raw.index(_CR, start)], LONGEST_WORD)}'


def _trace_id(progress: Progress) -> str:
    """That which the client named, else that of the exchange's spans."""
    if progress.trace is None or progress.head.header(b"traceparent") is not None:
        return trace_id(progress.head)
    return f',"trace_id":"{progress.trace.hex_id}"'


def _query(target: bytes) -> str:
    query = redacted(b"?" + target.partition(b"?")[2][:_QUERY_READ])[1:]
    return f',"query":{quoted(query.encode(), LONGEST_QUERY)}' if query else ""


def _tries(progress: Progress) -> str:
    """What it took, where that was more than one attempt, or one that had to be waited for."""
    text = f',"attempts":{progress.raced}'
    if progress.story is not None and any(isinstance(event, Hedged) for event in progress.story):
        text += ',"hedged":true'
    return f'{text},"resumes":{progress.resumes}' if progress.resumes else text


def _remember(known: dict[_Key, str], key: _Key, text: str) -> None:
    if len(known) >= _MOST_REMEMBERED:
        known.clear()
    known[key] = text
