"""The tenants as a table, and below them the client addresses that are held."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from s3edge.top.frame import Frame, Guarded, HeldSource, Limits, Tenant
from s3edge.top.sheet import Cell, Column, Row, Sheet, Tone
from s3edge.top.text import NOTHING, byte_rate_short, harmless, number_short, percent_text

COLUMNS: Final = (
    Column("tenant", 12),
    Column("req/s", 5, is_number=True),
    Column("sent", 9, is_number=True),
    Column("received", 9, 5, is_number=True),
    Column("in flight", 9, 4, is_number=True),
    Column("wait", 5, 2, is_number=True),
    Column("stall/s", 7, 1, is_number=True),
    Column("shed/s", 6, is_number=True),
    Column("failed/s", 8, 3, is_number=True),
    Column("guard, use of limit", 28, is_sentence=True),
)
# From here on a limit is soon felt.
NEAR_LIMIT: Final = 0.8
_GUARD_TONES: Final = {"throttled": Tone.BAD, "pinned": Tone.WARN, "observed": Tone.WARN}


class Subject(NamedTuple):
    """Whom an operator may pin or release: a `tenant` or a `client`, and what the guard does about it."""

    kind: str
    name: str
    state: str = "normal"

    def __str__(self) -> str:
        return f"{self.kind} {harmless(self.name)}"


def subjects(frame: Frame) -> dict[str, Subject]:
    """All of them, by the keys of their rows."""
    tenants = (Subject("tenant", tenant.name, _guard(tenant).state) for tenant in frame.tenants)
    held = (Subject("client", source.name, source.state) for source in _clients(frame))
    return {_key(*subject[:2]): subject for subject in (*tenants, *held)}


def sheet(frame: Frame) -> Sheet:
    """The busiest tenants first, as the server sorts them."""
    rows = tuple(_row(tenant) for tenant in frame.tenants)
    held = tuple(_held_row(source) for source in _clients(frame))
    count = max(frame.tenants_total, len(rows))
    note = f"{len(rows)} of {count:,}" if count > len(rows) else f"{count}"
    clients = "1 client" if len(held) == 1 else f"{len(held)} clients"
    return Sheet(COLUMNS, rows + held, f"{note}, {clients} held" if held else note, if_empty="no tenants")


def use_of_limit(tenant: Tenant) -> tuple[float, str]:
    """The limit of which most is used: its used part, and what it allows. Nothing is (0, "") where nothing is limited.

    Each request falls under one policy, so a tenant may have the sum of what its policies allow.
    """
    uses = [(used / allowed, text) for used, allowed, text in _limited(tenant)]
    return max(uses, default=(0.0, ""))


def _limited(tenant: Tenant) -> Iterator[tuple[float, float, str]]:
    def allowed(limits: Iterable[float | None]) -> float:
        return sum(limit for limit in limits if limit is not None)

    each: list[Limits] = [policy.limits for policy in tenant.limits]
    if requests := allowed(limits.requests.all for limits in each):
        yield tenant.requests_per_second, requests, f"{number_short(requests)}/s"
    if sent := allowed(limits.bandwidth.sent for limits in each):
        yield tenant.sent_per_second, sent, byte_rate_short(sent)
    if received := allowed(limits.bandwidth.received for limits in each):
        yield tenant.received_per_second, received, byte_rate_short(received)
    if concurrency := allowed(limits.concurrency for limits in each):
        yield tenant.inflight - tenant.waiting, concurrency, f"{number_short(concurrency)} at once"


def _row(tenant: Tenant) -> Row:
    return Row(
        _key("tenant", tenant.name),
        (
            Cell(harmless(tenant.name), Tone.STRONG),
            Cell(number_short(tenant.requests_per_second)),
            Cell(byte_rate_short(tenant.sent_per_second)),
            Cell(byte_rate_short(tenant.received_per_second)),
            Cell(number_short(tenant.inflight)),
            _count(tenant.waiting, Tone.WARN),
            _count(tenant.stalled, Tone.PLAIN),
            _count(tenant.shed_per_second, Tone.WARN),
            _count(tenant.failed_per_second, Tone.BAD),
            _held(tenant),
        ),
    )


def _held_row(source: HeldSource) -> Row:
    empty = (Cell(NOTHING, Tone.DIM),) * (len(COLUMNS) - 2)
    text = Cell(f"client, {_held_to(source.state, source.rate)}", _GUARD_TONES.get(source.state, Tone.DIM))
    return Row(_key("client", source.name), (Cell(harmless(source.name), Tone.STRONG), *empty, text))


def _guard(tenant: Tenant) -> Guarded:
    return tenant.guard or Guarded()


def _count(number: float, tone: Tone) -> Cell:
    return Cell(number_short(number), tone if number > 0 else Tone.DIM)


def _held(tenant: Tenant) -> Cell:
    """What the guard does about the tenant, how near its limits it is, and why the guard does it."""
    guard = _guard(tenant)
    part, limit = use_of_limit(tenant)
    use = f"{percent_text(part)} of {limit}" if limit else ""
    if guard.state != "normal":
        held = _held_to(guard.state, guard.requests_per_second)
        reason = f": {harmless(guard.reason)}" if guard.reason else ""
        return Cell(", ".join(filter(None, (held, use))) + reason, _GUARD_TONES.get(guard.state, Tone.PLAIN))
    if not use:
        return Cell(NOTHING, Tone.DIM)
    return Cell(use, Tone.BAD if part >= 1 else Tone.WARN if part >= NEAR_LIMIT else Tone.PLAIN)


def _held_to(state: str, rate: float | None) -> str:
    return harmless(state) if rate is None else f"{harmless(state)} to {number_short(rate)}/s"


def _clients(frame: Frame) -> Iterator[HeldSource]:
    return (source for source in frame.sources if source.kind == "client")


def _key(kind: str, name: str) -> str:
    return f"{kind} {name}"
