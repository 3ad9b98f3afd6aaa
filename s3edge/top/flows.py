"""The flows, requests under way, as a table, and the order and choice of them that is asked of the server."""

from dataclasses import dataclass, replace
from typing import Final

from s3edge.top.frame import Flow, Flows
from s3edge.top.sheet import Cell, Column, Row, Sheet, Tone
from s3edge.top.text import NOTHING, age_text, byte_rate_short, bytes_short, harmless, number_short

# The object comes last. It is the one text that anybody may choose, and a script that runs from right to left turns
# what stands behind it.
COLUMNS: Final = (
    Column("state", 5, name="state"),
    Column("tenant", 10, name="tenant"),
    Column("operation", 11, 2, name="operation"),
    Column("node", 16, 3, name="node"),
    Column("moved", 7, 1, is_number=True, name="sent"),
    Column("of", 7, 5, is_number=True, name="size"),
    Column("rate", 9, is_number=True, name="rate"),
    Column("age", 4, is_number=True, name="age"),
    Column("resumed", 8, 4, is_number=True, name="resumes"),
    Column("client", 15, 6, name="client"),
    Column("object", 14, name="key"),
)
# What the server can sort by, in the order in which one key goes through it, with the way that is looked for most.
ORDERS: Final = (
    "-age", "-rate", "-sent", "-received", "-size", "-resumes", "tenant", "client", "operation", "key", "node", "state",
)  # fmt: skip
# The words of the server, in as many cells as a narrow terminal has for them.
_STATES: Final = {
    "waiting": ("wait", Tone.WARN),
    "asking": ("ask", Tone.PLAIN),
    "sending": ("send", Tone.GOOD),
    "receiving": ("recv", Tone.GOOD),
}
# Flows that are asked for: more than anybody reads, and two screens of the highest terminal.
MOST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Query:
    """Which flows are wanted, and in which order: a column's name, with `-` before it for descending."""

    sort: str = ORDERS[0]
    filter: str = ""

    def next_column(self) -> "Query":
        """Sorted by the next column."""
        columns = [order.removeprefix("-") for order in ORDERS]
        present = columns.index(self.sort.removeprefix("-"))
        return replace(self, sort=ORDERS[(present + 1) % len(ORDERS)])

    def reversed(self) -> "Query":
        """The same the other way round."""
        return replace(self, sort=self.sort[1:] if self.sort.startswith("-") else f"-{self.sort}")

    def parameters(self) -> dict[str, str]:
        """As `/api/v1/live` takes it."""
        asked = {"flows_sort": self.sort, "flows_limit": str(MOST_SHOWN)}
        return {**asked, "flows_filter": self.filter} if self.filter else asked

    def text(self) -> str:
        """In words."""
        way = "down" if self.sort.startswith("-") else "up"
        order = f"by {self.sort.removeprefix('-')} {way}"
        return f"{order}, with {harmless(self.filter)!r}" if self.filter else order


def sheet(flows: Flows, query: Query) -> Sheet:
    """The flows that were asked for, in the order of the server."""
    shown, matching, total = len(flows.flows), flows.matching, flows.total
    counted = f"{shown} of {matching:,}" if matching > shown else f"{shown}"
    note = f"{counted} ({total:,} in all)" if total > matching else counted
    if_empty = "no flow matches" if query.filter and total else "no flows now"
    return Sheet(COLUMNS, tuple(_row(flow) for flow in flows.flows), f"{note}, {query.text()}", if_empty=if_empty)


def _row(flow: Flow) -> Row:
    state, tone = _STATES.get(flow.state, (harmless(flow.state), Tone.DIM))
    is_stalled = flow.state in ("sending", "receiving") and flow.rate <= 0
    moved = flow.received if flow.state == "receiving" else max(flow.sent, flow.received)
    return Row(
        flow.id,
        (
            Cell(state, tone),
            Cell(harmless(flow.tenant), Tone.STRONG),
            Cell(harmless(flow.operation)),
            Cell(NOTHING if flow.node is None else harmless(flow.node)),
            Cell(bytes_short(moved)),
            Cell(NOTHING if flow.size is None else bytes_short(flow.size)),
            Cell(byte_rate_short(flow.rate), Tone.WARN if is_stalled else Tone.PLAIN),
            Cell(age_text(flow.age)),
            Cell(number_short(flow.resumes), Tone.WARN if flow.resumes else Tone.DIM),
            Cell(harmless(flow.client)),
            Cell(harmless(_object(flow))),
        ),
    )


def _object(flow: Flow) -> str:
    return f"{flow.bucket}/{flow.key}" if flow.key else flow.bucket or NOTHING
