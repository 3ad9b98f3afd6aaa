"""One picture as plain text, for pipes and scripts."""

from collections.abc import Iterator
from typing import Final

from s3edge.top import flows, nodes, tenants
from s3edge.top.decisions import Decisions
from s3edge.top.figures import History
from s3edge.top.frame import Frame
from s3edge.top.sheet import Line, Sheet, lay_out
from s3edge.top.status import headline, troubles

# Decisions below the tables: what happened just now.
MOST_DECISIONS: Final = 20


def picture(frame: Frame, decisions: Decisions, query: flows.Query, site: str, width: int) -> str:
    """The frame as text tables of at most `width` cells, with a line break at the end."""
    lines = [_text(headline(frame, site, width)), *(_text([trouble]) for trouble in troubles(frame))]
    lines += ["", *map(_text, History().lines(frame.totals, width))]
    sheets = {
        "nodes": nodes.sheet(frame.nodes),
        "tenants": tenants.sheet(frame),
        "flows": flows.sheet(frame.flows, query),
        "decisions": decisions.sheet(MOST_DECISIONS),
    }
    for name, sheet in sheets.items():
        lines += [
            "",
            f"{name.upper()}  {sheet.note}".rstrip(),
            *_table(sheet, width, query.sort if name == "flows" else ""),
        ]
    return "\n".join(lines) + "\n"


def _table(sheet: Sheet, width: int, order: str) -> Iterator[str]:
    if not sheet.rows:
        yield sheet.if_empty
        return
    layout = lay_out(sheet.columns, width)
    if sheet.has_head:
        yield layout.head(sheet.columns, order).rstrip()
    for row in sheet.rows:
        yield _text(layout.line(row, sheet.columns))


def _text(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()
