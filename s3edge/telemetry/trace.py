"""What was tried for a request, as the one line that the `x-s3edge-trace` field of its answer says."""

from collections.abc import Sequence

from s3edge.events import Event
from s3edge.telemetry.printable import printable

# Bytes. Servers and clients take 8 KiB of fields or more; the storage's own need most of that room.
LIMIT = 1024
# Characters of one entry: the first, the last and the mark between them always fit.
ENTRY_LIMIT = 256

_SEPARATOR = "; "


def trace_value(story: Sequence[Event | str]) -> bytes:
    """The entries in order, separated by `; `: printable ASCII, at most LIMIT bytes.

    An event says its text, which names nodes and reasons and never its subject: an answer may end up in other people's
    logs. In a story that is too long the entries after the first make room, and their number is said.
    """
    entries = [_entry(part) for part in story]
    value = _SEPARATOR.join(entries)
    left_out = 0
    while len(value) > LIMIT:
        left_out += 1
        value = _SEPARATOR.join((entries[0], f"{left_out} left out", *entries[1 + left_out :]))
    return value.encode("ascii")


def _entry(part: Event | str) -> str:
    text = printable(part if isinstance(part, str) else part.text(), ENTRY_LIMIT)
    return text.replace(";", ",")
