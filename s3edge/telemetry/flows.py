"""The requests under way as operators see them: one row each, and which rows are asked for.

All of it is pure: where the rows come from is `proxy/flows.py`, who asks is the supervisor.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest, nsmallest
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

from s3edge.config.fault import did_you_mean, shown

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 500
# Characters. More than the longest key has no flow whose row could hold it.
MOST_FILTER: Final = 1024
# Characters. A key may have 1,024 bytes; a hundred of those each second are more than all the rest of a page.
MOST_KEY: Final = 256

Value: TypeAlias = float | str
"""What rows are sorted by; within one column all are numbers, or all are texts."""

T = TypeVar("T")


class FlowState(StrEnum):
    """What a request is doing."""

    WAITING = "waiting"  # for room, under limits or at the nodes: none was asked for it yet
    ASKING = "asking"  # a node, which has not answered yet
    SENDING = "sending"  # its body to the client
    RECEIVING = "receiving"  # its body from the client


@dataclass(frozen=True, slots=True)
class Flow:
    """One request under way.

    `number` is its own in its worker, for as long as it lives; `kind` is the class of its operation. `node` is empty
    before one was asked. `sent` and `received` are body bytes to and from the client, `size` how many are expected in
    the direction in which they move, None if nobody knows. `rate` is bytes per second now, `age` seconds.
    """

    number: int
    tenant: str
    client: str
    operation: str
    kind: str
    bucket: str
    key: str
    node: str
    state: FlowState
    sent: int
    received: int
    size: int | None
    rate: float
    age: float
    resumes: int


class Column(StrEnum):
    """What flows can be sorted by."""

    AGE = "age"
    RATE = "rate"
    SENT = "sent"
    RECEIVED = "received"
    SIZE = "size"
    RESUMES = "resumes"
    TENANT = "tenant"
    CLIENT = "client"
    OPERATION = "operation"
    KEY = "key"
    NODE = "node"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows: at most `limit` of those that have `filter` somewhere in their words, the first ones by `column`.

    `filter` is folded as `folded` does it; empty, it fits all.
    """

    column: Column = Column.AGE
    is_descending: bool = True
    filter: str = ""
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Found:
    """What one worker answers: the rows, of `matching` flows that the filter fits and of `total` in all."""

    total: int
    matching: int
    flows: tuple[Flow, ...]


class BadQueryError(Exception):
    """A query that cannot be answered; says what was found and what is allowed."""


def read_query(given: Mapping[str, str], prefix: str = "") -> Query:
    """The query in the parameters `sort`, `filter` and `limit`, each with this prefix. Raises BadQueryError."""
    names = [prefix + name for name in ("sort", "filter", "limit")]
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names)
            raise BadQueryError(f"{shown(name)} is not known here; {hint or 'allowed: ' + ', '.join(names)}")
    sort, words, limit = (given.get(name) for name in names)
    usual = Query()
    column, is_descending = (usual.column, usual.is_descending) if sort is None else _sorting(names[0], sort)
    if words is not None and len(words) > MOST_FILTER:
        raise BadQueryError(f"{names[1]}: found {len(words)} characters; allowed: up to {MOST_FILTER}")
    return Query(
        column,
        is_descending,
        usual.filter if words is None else folded(words),
        usual.limit if limit is None else _limit(names[2], limit),
    )


def _sorting(name: str, sort: str) -> tuple[Column, bool]:
    word = sort.removeprefix("-")
    if word not in list(Column):
        allowed = ", ".join(Column)
        raise BadQueryError(f'{name}: found {shown(sort)}; allowed: {allowed}; "-" before it for descending')
    return Column(word), sort.startswith("-")


def _limit(name: str, limit: str) -> int:
    is_number = limit.isascii() and limit.isdigit() and len(limit) <= 9
    if not is_number or not 1 <= int(limit) <= MOST_ROWS:
        raise BadQueryError(f"{name}: found {shown(limit)}; allowed: a whole number from 1 to {MOST_ROWS}")
    return int(limit)


def folded(words: str) -> str:
    """The words as they are compared: upper and lower case do not count."""
    return words.casefold()


class Best(Generic[T]):
    """The first items of those that are offered, as a query sorts them; of equal ones those that began first."""

    def __init__(self, query: Query) -> None:
        self._limit = query.limit
        self._is_descending = query.is_descending
        self._best: list[tuple[Any, float, T]] = []

    def offer(self, items: Iterable[tuple[Value, float, T]]) -> None:
        """Take in some more, each with its value and when it began."""
        best, last = self._best, None
        if len(best) == self._limit:
            last = best[-1][0]
        if self._is_descending:
            best += items if last is None else [item for item in items if item[0] >= last]
            self._best = nlargest(self._limit, best, key=lambda item: (item[0], -item[1]))
        else:
            best += items if last is None else [item for item in items if item[0] <= last]
            self._best = nsmallest(self._limit, best, key=itemgetter(0, 1))

    @property
    def items(self) -> list[T]:
        """The first ones, in order."""
        return [item for _, _, item in self._best]


def full_key(bucket: str, key: str) -> str:
    """A bucket and a key in it, as one path."""
    return f"{bucket}/{key}"


def shortened(key: str) -> str:
    """A key that can be written as UTF-8, with its middle left out if it is long: its end often says most."""
    if len(key) > MOST_KEY:
        half = MOST_KEY // 2
        key = f"{key[: half - 1]}…{key[-half:]}"
    return key.encode("utf-8", "backslashreplace").decode()


def rounded(number: float) -> float:
    """Four significant digits: more are noise, and cost room in each frame."""
    return float(f"{number:.4g}")


_VALUES: Final[Mapping[Column, Callable[[Flow], Any]]] = {
    **{column: attrgetter(column) for column in Column},
    Column.SIZE: lambda flow: -1 if flow.size is None else flow.size,
    Column.KEY: lambda flow: full_key(flow.bucket, flow.key),
}


def described(query: Query, answers: Mapping[int, Found]) -> dict[str, Any]:
    """What the workers, by their numbers, answer to a query: all together, as JSON."""
    rows = [(worker, flow) for worker, found in answers.items() for flow in found.flows]
    value = _VALUES[query.column]
    sign = 1 if query.is_descending else -1
    rows.sort(key=lambda row: (value(row[1]), sign * row[1].age), reverse=query.is_descending)
    return {
        "total": sum(found.total for found in answers.values()),
        "matching": sum(found.matching for found in answers.values()),
        "flows": [_described(worker, flow) for worker, flow in rows[: query.limit]],
    }


def _described(worker: int, flow: Flow) -> dict[str, Any]:
    return {
        "id": f"{worker}-{flow.number}",
        "worker": worker,
        "tenant": flow.tenant,
        "client": flow.client,
        "operation": flow.operation,
        "class": flow.kind,
        "bucket": flow.bucket,
        "key": flow.key,
        "node": flow.node or None,
        "state": flow.state,
        "sent": flow.sent,
        "received": flow.received,
        "size": flow.size,
        "rate": rounded(flow.rate),
        "age": rounded(flow.age),
        "resumes": flow.resumes,
    }
