"""The nodes as a table."""

from collections.abc import Iterable
from typing import Final

from s3edge.top.frame import Node
from s3edge.top.sheet import Cell, Column, Row, Sheet, Tone
from s3edge.top.text import NOTHING, age_text, harmless, latency_text, number_short, percent_text

COLUMNS: Final = (
    Column("state", 11),
    Column("node", 18),
    Column("since", 5, 4, is_number=True),
    Column("share", 5, 3, is_number=True),
    Column("in flight", 9, 2, is_number=True),
    Column("p50", 6, 5, is_number=True),
    Column("p99", 6, 1, is_number=True),
    Column("req/s", 5, is_number=True),
    Column("cluster", 10, 6),
    Column("last reason", 22, is_sentence=True),
)
# Sign and tone of the states that probes and operators give a node, and of what live traffic says of it.
STATES: Final = {
    "up": ("●", Tone.GOOD),
    "down": ("✗", Tone.BAD),
    "draining": ("◐", Tone.WARN),
    "drained": ("○", Tone.WARN),
    "ejected": ("▲", Tone.BAD),
    "throttled": ("▼", Tone.WARN),
}
# See "States of a node" in docs/operations.md.
_GETS_REQUESTS: Final = ("up", "unknown", "throttled")
_UNKNOWN: Final = ("?", Tone.DIM)


def sheet(nodes: Iterable[Node]) -> Sheet:
    """All nodes, in the order of the configuration."""
    nodes = tuple(nodes)
    away = sum(state_of(node) not in _GETS_REQUESTS for node in nodes)
    note = f"{len(nodes)}, {away} away" if away else f"{len(nodes)}"
    return Sheet(COLUMNS, tuple(_row(node) for node in nodes), note, if_empty="no nodes")


def state_of(node: Node) -> str:
    """The state in one word: where probes have nothing against a node, live traffic may."""
    if node.state in ("up", "unknown"):
        if node.ejected_by_workers:
            return "ejected"
        if node.throttled_to:
            return "throttled"
    return node.state


def _row(node: Node) -> Row:
    state = state_of(node)
    sign, tone = STATES.get(state, _UNKNOWN)
    inflight = number_short(node.inflight)
    return Row(
        node.name,
        (
            Cell(f"{sign} {harmless(state)}", tone),
            Cell(harmless(node.name), Tone.STRONG),
            Cell(age_text(node.state_seconds)),
            Cell(percent_text(node.share), Tone.PLAIN),
            Cell(inflight if node.limit is None else f"{inflight}/{number_short(node.limit)}"),
            Cell(latency_text(node.first_byte.p50)),
            Cell(latency_text(node.first_byte.p99)),
            Cell(number_short(node.requests_per_second)),
            Cell(harmless(node.cluster)),
            Cell(_reason(node, state), Tone.PLAIN if tone is Tone.GOOD else tone),
        ),
    )


def _reason(node: Node, state: str) -> str:
    if state == "ejected":
        return f"live traffic failed, in {number_short(node.ejected_by_workers)} of the workers"
    if state == "throttled":
        return f"it asked for less: {number_short(node.throttled_to or 0)} requests/s"
    return harmless(node.reason) or NOTHING
