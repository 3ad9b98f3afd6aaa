"""What is wrong in a configuration, and where: faults are values, so that a check can return all of them at once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from s3edge.errors import StartError

# A longer value says no more about the mistake and pushes what is allowed off the operator's screen.
SHOWN_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place.

    `file` is None for a command line flag; `line` is None where a whole file or flag is meant. `where` is a dotted path
    of keys (`clusters[0].health`), a flag (`--node`), or empty for a whole file. `hint` is a short clause or empty.
    """

    file: str | None
    line: int | None
    where: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        spot = "" if self.file is None else self.file if self.line is None else f"{self.file}:{self.line}"
        head = ": ".join(part for part in (spot, self.where) if part)
        clauses = [f"found {self.found}"]
        if self.allowed:
            clauses.append(f"allowed: {self.allowed}")
        if self.hint:
            clauses.append(self.hint)
        return f"{head}: {'; '.join(clauses)}"


class Faults(StartError):
    """A configuration that cannot be used: `faults` holds everything that is wrong with it, one line each as text."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Refused(ValueError):
    """One value is not allowed: `allowed` says what is.

    `found` replaces the value in the message, where the value itself would mislead or must not be shown.
    """

    def __init__(self, allowed: str, *, hint: str = "", found: str = "") -> None:
        super().__init__(f"allowed: {allowed}")
        self.allowed = allowed
        self.hint = hint
        self.found = found


def shown(value: object) -> str:
    """A value as an operator recognises it: quoted, on one line, shortened; never the contents of a list or mapping."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    if len(text) > SHOWN_LENGTH:
        text = text[:SHOWN_LENGTH] + "..."
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word most like `word`, or an empty one; upper and lower case do not count."""
    by_fold = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), by_fold, n=1)
    return f"did you mean {by_fold[close[0]]}?" if close else ""
