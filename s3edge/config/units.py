"""Values with a unit: durations become seconds, sizes bytes, rates a number per second; counts stay whole numbers.

Each parser takes what YAML, a flag or JSON gave and raises `Refused`, which says what is allowed. A parser takes its
own result back, so that a configuration survives the way through JSON.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator

from s3edge.config.fault import Refused, did_you_mean

SECONDS_PER_UNIT = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
# Below a millisecond an event loop's timers mean nothing.
SHORTEST_SECONDS = 0.001
# A wait of more than a day is a mistyped unit; the bound also keeps every timer within what an event loop takes.
LONGEST_SECONDS = 24 * 3600.0

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
BYTES_PER_UNIT = {
    "TiB": TIB, "GiB": GIB, "MiB": MIB, "KiB": KIB, "TB": 10**12, "GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1,
}  # fmt: skip
_BYTES_PER_FOLDED_UNIT = {unit.casefold(): factor for unit, factor in BYTES_PER_UNIT.items()}

# What `_QUANTITY` can hold; below it, floats count whole numbers exactly. Infinity and NaN are not below it.
LARGEST_NUMBER = 10**15
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")
_BARE = re.compile(r"[0-9. ]+")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%")
_WHOLE = re.compile(r"-?[0-9]{1,18}")

# Less than one request an hour, or 1 kB/s, is of no use to any client: it is a mistyped unit. The upper ends are far
# above what one machine moves.
SLOWEST_REQUEST_RATE, FASTEST_REQUEST_RATE = 1 / 3600.0, 1e6
SLOWEST_BYTE_RATE, FASTEST_BYTE_RATE = 1e3, float(TIB)
REQUEST_RATE_ALLOWED = "a rate from 1/h to 1000000/s, such as 500/s, 30/m or 1000/h"
BYTE_RATE_ALLOWED = "a rate from 1kB/s to 1TiB/s, such as 200MiB/s or 1.5GB/s"
_NOTHING = "to take away everything is not a limit"

# Examples for messages; each range has at least one of them.
_DURATIONS = {"250ms": 0.25, "10s": 10.0, "2m": 120.0, "1h": 3600.0}
_SHARES = {"20%": 0.2, "90%": 0.9}

Choice = TypeVar("Choice", bound=StrEnum)


def duration(low: float = SHORTEST_SECONDS, high: float = LONGEST_SECONDS) -> Callable[[object], float]:
    """A parser of durations from `low` to `high` seconds: `250ms`, `10s`, `1.5m`, `1h`, or a bare number of seconds."""
    examples = [text for text, seconds in _DURATIONS.items() if low <= seconds <= high]
    allowed = f"a duration from {seconds_text(low)} to {seconds_text(high)}, such as {_listed(examples)}"

    def parse(value: object) -> float:
        number, unit = _quantity(value, allowed)
        factor = SECONDS_PER_UNIT.get(unit or "s")
        if factor is None or not low <= number * factor <= high:
            raise Refused(allowed)
        return number * factor

    return parse


def size(low: int = 0, high: int = TIB) -> Callable[[object], int]:
    """A parser of sizes from `low` to `high` bytes: `64KiB`, `1.5MiB`, `10MB`, or a bare number of bytes.

    `4k` is refused: it is 4,000 bytes to some and 4,096 to others.
    """
    allowed = f"a size from {bytes_text(low)} to {bytes_text(high)}, such as 64KiB, 1MiB or 10MB"

    def parse(value: object) -> int:
        count = _bytes(value, allowed)
        if count != int(count) or not low <= count <= high:
            raise Refused(allowed)
        return int(count)

    return parse


def _bytes(value: object, allowed: str, per: str = "") -> float:
    """A number of bytes; `per` is what an operator would write behind the unit, for the hint."""
    number, unit = _quantity(value, allowed)
    factor = _BYTES_PER_FOLDED_UNIT.get(unit.casefold() or "b")
    if factor is None:
        is_bare_prefix = len(unit) == 1 and unit in "kKmMgGtT"
        raise Refused(allowed, hint=f"did you mean {number:g}{unit.upper()}iB{per}?" if is_bare_prefix else "")
    return number * factor


def request_rate() -> Callable[[object], float]:
    """A parser of rates of requests or connections: `500/s`, `30/m`, `1000/h`, or a bare number per second."""

    def parse(value: object) -> float:
        text, _, unit = value.partition("/") if isinstance(value, str) and "/" in value else (value, "", "s")
        count, letters = _quantity(text, REQUEST_RATE_ALLOWED)
        if letters or unit not in ("h", "m", "s"):
            raise Refused(REQUEST_RATE_ALLOWED)
        rate = count / SECONDS_PER_UNIT[unit]
        if not SLOWEST_REQUEST_RATE <= rate <= FASTEST_REQUEST_RATE:
            raise Refused(REQUEST_RATE_ALLOWED, hint="" if rate else _NOTHING)
        return rate

    return parse


def byte_rate() -> Callable[[object], float]:
    """A parser of rates of bytes: `200MiB/s`, `1.5GB/s`, or a bare number of bytes per second."""

    def parse(value: object) -> float:
        text = value.removesuffix("/s") if isinstance(value, str) else value
        rate = _bytes(text, BYTE_RATE_ALLOWED, per="/s")
        if not SLOWEST_BYTE_RATE <= rate <= FASTEST_BYTE_RATE:
            raise Refused(BYTE_RATE_ALLOWED, hint="" if rate else _NOTHING)
        # A size without a time could be anything; only a bare number needs none.
        if isinstance(text, str) and (text == value) is (_BARE.fullmatch(text) is None):
            raise Refused(BYTE_RATE_ALLOWED, hint=f"did you mean {text}/s?" if text == value else "")
        return float(rate)

    return parse


def _quantity(value: object, allowed: str) -> tuple[float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST_NUMBER:
        return value, ""
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused(allowed)
    return float(match[1]), match[2]


def _listed(words: list[str]) -> str:
    return " or ".join(", ".join(words).rsplit(", ", 1))


def seconds_text(seconds: float) -> str:
    """Seconds in the largest unit that gives a whole number, as `duration` reads it back."""
    for unit in ("h", "m", "s"):
        if seconds >= SECONDS_PER_UNIT[unit] and seconds % SECONDS_PER_UNIT[unit] == 0:
            return f"{seconds / SECONDS_PER_UNIT[unit]:.0f}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


def bytes_text(count: int) -> str:
    """Bytes in the largest binary unit that gives a whole number, as `size` reads it back."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count and count % BYTES_PER_UNIT[unit] == 0:
            return f"{count // BYTES_PER_UNIT[unit]}{unit}"
    return f"{count}B"


def whole_number(low: int, high: int) -> Callable[[object], int]:
    """A parser of whole numbers from `low` to `high`, written as a number or as its digits."""
    allowed = f"a whole number from {low} to {high}"

    def parse(value: object) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Refused(allowed)
        return value

    return parse


def number(low: float, high: float) -> Callable[[object], float]:
    """A parser of plain numbers from `low` to `high`."""
    allowed = f"a number from {low:g} to {high:g}"

    def parse(value: object) -> float:
        count, unit = _quantity(value, allowed)
        if unit or not low <= count <= high:
            raise Refused(allowed)
        return float(count)

    return parse


def share(low: float = 0.0, high: float = 1.0) -> Callable[[object], float]:
    """A parser of shares from `low` to `high`: `20%`, or a bare number, of which 1 is the whole."""
    example = next(text for text, part in _SHARES.items() if low <= part <= high)
    allowed = f"a share from {low * 100:g}% to {high * 100:g}%, such as {example}"

    def parse(value: object) -> float:
        match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        # As decimals, 99.9% is the same number as 0.999.
        part = float(Decimal(match[1]) / 100) if match else _quantity(value, allowed)[0]
        if (match is None and isinstance(value, str)) or not low <= part <= high:
            raise Refused(allowed)
        return float(part)

    return parse


def parse_flag(value: object) -> bool:
    """`true` or `false`; words such as `yes` are none, as in YAML 1.2."""
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise Refused(FLAG_ALLOWED)
    return value == "true"


def one_of(choices: type[Choice], allowed: str = "") -> Callable[[object], Choice]:
    """A parser of the values of an enum; `allowed` replaces the list of them where that is too long to print."""
    allowed = allowed or ", ".join(choices)

    def parse(value: object) -> Choice:
        if not isinstance(value, str):
            raise Refused(allowed)
        try:
            return choices(value)
        except ValueError:
            raise Refused(allowed, hint=did_you_mean(value, choices)) from None

    return parse


def matching(form: re.Pattern[str], allowed: str) -> Callable[[object], str]:
    """A parser of strings that match `form` from end to end."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or form.fullmatch(value) is None:
            raise Refused(allowed)
        return value

    return parse


FLAG_ALLOWED = "true or false"

# More workers than this on one port is a mistyped number: the largest machines of 2025 have about as many cores.
MOST_WORKERS = 512


def word_or_number(word: str, high: int) -> Callable[[object], int | str]:
    """A parser of a word, or of a whole number from 1 to `high` in its place."""
    count = whole_number(1, high)

    def parse(value: object) -> int | str:
        if value == word:
            return word
        try:
            return count(value)
        except Refused as refused:
            raise Refused(f"{word}, or {refused.allowed}") from None

    return parse


Seconds = Annotated[float, BeforeValidator(duration())]
SecondsOrZero = Annotated[float, BeforeValidator(duration(low=0.0))]
Share = Annotated[float, BeforeValidator(share())]
Bytes = Annotated[int, BeforeValidator(size())]
Flag = Annotated[bool, BeforeValidator(parse_flag)]
Workers = Annotated[int | Literal["auto"], BeforeValidator(word_or_number("auto", MOST_WORKERS))]
