"""What became of one action of one client on one way to the storage."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from loadtests.matrix.client import NotOffered

LONGEST_REASON = 200
"""Characters of a reason that are kept: a line of a table, not a traceback."""

_OF_THIS_RUN = (
    (re.compile(r"(?<=\b127\.0\.0\.1):\d+"), ""),
    (re.compile(r"(?<![\w-])\d{5,}(?!\w)"), "N"),
    (re.compile(r"\d+\.\d+(?:ms|s)\b"), "a time"),
    (re.compile(r"\S*/s3edge-loadtest-[^/\s]+/(?:[\w-]+-\w{8}/)?"), ""),
    (re.compile(r" ?\(Request ID: [^)]*\)"), ""),
    (re.compile(r"\b[0-9A-Fa-f]{16,}\b"), "N"),
)
"""Ports, counts of bytes, times, temporary folders and identities of requests: they differ from run to run."""


class Outcome(StrEnum):
    """How an action ended."""

    OK = "ok"
    FAILED = "failed"  # as the client says
    WRONG = "wrong"  # it went well, as the client says, but what is there is not what should be
    HUNG = "hung"  # it was not over within its time, and its processes were killed
    CRASHED = "crashed"  # the process of the client ended
    UNTRIED = "untried"  # the read was over before a node could be killed
    NOT_OFFERED = "not offered"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Result:
    """How one action ended, after so many seconds; `reason` is empty if it is OK or needs none.

    `parts` has what failed of an action that is made of several, by name, each with its reason.
    """

    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return self.outcome is Outcome.OK

    @property
    def is_absent(self) -> bool:
        """Whether there was nothing to try."""
        return self.outcome in {Outcome.NOT_OFFERED, Outcome.NOT_INSTALLED}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**{**fields, "outcome": Outcome(fields["outcome"])})


def reason_of(error: BaseException, prefix: str = "") -> str:
    """What an error says, in one line, without the prefix of keys and what else is of this run alone.

    Of a program that failed it is the last line on stderr that speaks of an error, else the last one. The middle of
    what is too long is left out: names are at its beginning, causes at its end.
    """
    text = str(error)
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        said = error.stderr if isinstance(error.stderr, str) else error.stderr.decode(errors="replace")
        lines = said.strip().splitlines()
        text = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
    if prefix:
        text = text.replace(prefix, "")
    for pattern, word in _OF_THIS_RUN:
        text = pattern.sub(word, text)
    words = " ".join(text.split())
    if not isinstance(error, (NotOffered, subprocess.CalledProcessError)):
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    half = LONGEST_REASON // 2
    return words if len(words) <= LONGEST_REASON else f"{words[: half - 1]}…{words[-half:]}"
