"""The fields by which a request says which trace it is part of: W3C Trace Context, level 2, read strictly.

They are a stranger's words: nothing but ids is taken from them, and what is malformed counts as not there.
"""

import re
from dataclasses import dataclass
from typing import Final

SAMPLED: Final = 0x01
"""The flag of a trace that whoever began it has recorded."""

RANDOM: Final = 0x02
"""The flag of a trace id of which at least the last 56 bits are random."""

# Section 3.2: `ff` is no version, ids of zeros are none, hexadecimal digits are small.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
# Section 3.3.1: how many members a list may have, and what they look like.
_MOST_MEMBERS: Final = 32
_MEMBER: Final = re.compile(
    r"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=([ -+\--<>-~]{0,255}[!-+\--<>-~])"
)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A span as `traceparent` names it: ids of 128 and 64 bits, neither of them 0, and the flags that we know."""

    trace_id: int
    span_id: int
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether the sender says that it has recorded the trace."""
        return bool(self.flags & SAMPLED)

    def __bytes__(self) -> bytes:
        """The value of the field, in version 00."""
        return b"00-%032x-%016x-%02x" % (self.trace_id, self.span_id, self.flags)


def parse_traceparent(value: bytes) -> TraceParent | None:
    """What the field says; None if that is malformed.

    Of a later version only that part counts which it has in common with ours, as section 3.2.2.5 asks for.
    """
    match = _TRACEPARENT.fullmatch(value)
    if match is None or (match[1] == b"00" and match[5] is not None):
        return None
    return TraceParent(int(match[2], 16), int(match[3], 16), int(match[4], 16) & (SAMPLED | RANDOM))


def parse_tracestate(value: bytes) -> tuple[tuple[str, str], ...]:
    """The members of a `tracestate`, of which several fields are one, joined by commas; none if it is malformed."""
    members: dict[str, str] = {}
    for text in value.decode("latin-1").split(","):
        member = text.strip(" \t")
        if not member:
            continue
        match = _MEMBER.fullmatch(member)
        if match is None or match[1] in members or len(members) == _MOST_MEMBERS:
            return ()
        members[match[1]] = match[2]
    return tuple(members.items())
