"""Text of unknown origin and quantities, made fit for cells of a terminal."""

import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size

from s3edge.config.units import GIB, KIB, MIB, TIB
from s3edge.events import number_text

# What stands where there is nothing to show.
NOTHING: Final = "-"
# Marks on one character: two are what the most accented languages need, and hundreds cover the lines around.
MOST_MARKS: Final = 2
# Characters that are looked at, so that a text of megabytes costs no more than a line.
LONGEST: Final = 2000
_MARKS: Final = ("Mn", "Me")
_PIB: Final = 1024 * TIB


def harmless(text: str) -> str:
    """The text with all that could do anything but stand there written as an escape, such as `\\x1b` and `\\u202e`.

    That are control characters, those that turn the direction of text, and those without width.
    """
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    shown: list[str] = []
    marks = 0
    for character in text[:LONGEST]:
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        has_place = marks <= MOST_MARKS and bool(shown) if marks else cell_len(character) > 0
        is_plain = character.isprintable() and has_place
        shown.append(character if is_plain else character.encode("unicode_escape", "surrogatepass").decode("ascii"))
    return "".join(shown)


def cut(text: str, width: int, *, at_end: bool = False) -> str:
    """The text in at most `width` cells; what is left out is its middle, since the ends of names tell more."""
    if cell_len(text) <= width:
        return text
    if at_end or width < 8:
        return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""
    head = (width - 1) // 2
    tail = width - 1 - head
    return f"{set_cell_size(text, head)}…{set_cell_size(text[::-1], tail)[::-1]}"


def padded(text: str, width: int, *, is_number: bool = False, is_sentence: bool = False) -> str:
    """The text in exactly `width` cells: numbers at the right, sentences cut at their end."""
    text = cut(text, width, at_end=is_sentence)
    space = " " * (width - cell_len(text))
    return space + text if is_number else text + space


def bytes_short(count: float) -> str:
    """Bytes in at most 7 characters: `812 B`, `1.2 GiB`, `53 MiB`."""
    count = max(0.0, count)
    # From 999.5 on three digits are not enough.
    for unit, factor in (("B", 1), ("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", TIB)):
        if count < 999.5 * factor:
            return f"{count / factor:.0f} B" if unit == "B" else f"{number_text(count / factor)} {unit}"
    return f"{number_text(count / _PIB)} PiB"


def byte_rate_short(rate: float) -> str:
    """Bytes per second in at most 9 characters."""
    return f"{bytes_short(rate)}/s"


def number_short(number: float) -> str:
    """A number in few characters: `0`, `4.2`, `31`, `1,240`, `52k`, `1.2M`."""
    number = max(0.0, number)
    if number >= 999_500:
        return f"{number_text(number / 1e6)}M"
    if number >= 9_999.5:
        return f"{number / 1e3:.0f}k"
    return f"{number:.0f}" if number == int(number) < 1000 else number_text(number)


def latency_text(seconds: float | None) -> str:
    """A time to first byte in at most 6 characters: `0.4 ms`, `12 ms`, `1.3 s`."""
    if seconds is None:
        return NOTHING
    seconds = max(0.0, seconds)
    return f"{number_text(seconds * 1000)} ms" if seconds < 0.9995 else f"{number_text(seconds)} s"


def age_text(seconds: float) -> str:
    """An age in at most 4 characters: `4.2s`, `31s`, `12m`, `3h`, `9d`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    for unit, length, most in (("s", 1, 119.5), ("m", 60, 119.5), ("h", 3600, 47.5)):
        if seconds < most * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{min(999, seconds / 86400):.0f}d"


def percent_text(part: float) -> str:
    """A share of the whole: `82%`."""
    return f"{max(0.0, part) * 100:.0f}%"
