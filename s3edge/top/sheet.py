"""A table as data: what stands in it, and how it is laid out on a given width. A terminal and a pipe show the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from s3edge.top.text import padded

# Cells between two columns, where there is room and where there is little.
GAP, NARROW_GAP = 2, 1
# From so many cells on there is room.
ROOMY = 100


class Tone(StrEnum):
    """How a text is to be taken. It says nothing that its words do not say, since not everybody sees colours."""

    PLAIN = "plain"
    COURSE = "course"  # of a figure over time
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    DIM = "dim"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Cell:
    """One text, which is harmless and has no line break."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in cells, which the last column of a sheet has at least: it takes what the others leave.

    Where there is no room, those of the highest `rank` are left out first, and those of rank 0 never.
    """

    title: str
    width: int
    rank: int = 0
    is_number: bool = False
    is_sentence: bool = False
    name: str = ""
    """As the admin server knows it, if the sheet can be sorted by it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `key` says which thing it is about, from picture to picture. It is not fit to be shown."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; `note` says in a few words how much there is."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    has_head: bool = True
    if_empty: str = "nothing to show"


Line = list[tuple[str, Tone]]
"""Texts side by side, all of them together as wide as was asked for."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a sheet have room, by their index, and how wide each is."""

    places: tuple[tuple[int, int], ...]
    gap: int

    def line(self, row: Row, columns: Sequence[Column]) -> Line:
        """A row as wide as the layout."""
        line: Line = []
        for index, width in self.places:
            if line:
                line.append((" " * self.gap, Tone.PLAIN))
            cell, column = row.cells[index], columns[index]
            text = padded(cell.text, width, is_number=column.is_number, is_sentence=column.is_sentence)
            line.append((text, cell.tone))
        return line

    def head(self, columns: Sequence[Column], order: str = "") -> str:
        """The titles; an arrow shows the `order` of the rows: a column's name, with `-` before it for descending."""
        titles = []
        for index, width in self.places:
            column = columns[index]
            arrow = "" if not order or column.name != order.removeprefix("-") else "▼" if order[0] == "-" else "▲"
            titles.append(padded(column.title + arrow, width, is_number=column.is_number))
        return (" " * self.gap).join(titles)


def lay_out(columns: Sequence[Column], width: int) -> Layout:
    """Fit columns into a width, by leaving out as few as possible; the last one always stays."""
    gap = GAP if width >= ROOMY else NARROW_GAP
    *others, last = range(len(columns))

    def rest() -> int:
        return width - sum(columns[index].width + gap for index in others)

    for rank in sorted({column.rank for column in columns} - {0}, reverse=True):
        if rest() >= columns[last].width:
            break
        others = [index for index in others if columns[index].rank != rank]
    return Layout((*((index, columns[index].width) for index in others), (last, max(0, rest()))), gap)
