"""Text of unknown origin, made fit for where it is written: one line of a log, a head, JSON, a span."""


def printable(text: str, limit: int) -> str:
    """The text in printable ASCII: all else, and the backslash, as Python writes it; cut to `limit` characters."""
    # Cut before, too, so that a text of megabytes costs no more than one that fits.
    escaped = text[:limit].encode("unicode_escape").decode("ascii")
    if len(text) <= limit and len(escaped) <= limit:
        return escaped
    return f"{escaped[: limit - 3]}..."


def writable(text: str, limit: int) -> str:
    """The text, cut to `limit` characters, with what is not UTF-8 in it escaped."""
    return text[:limit].encode("utf-8", "backslashreplace").decode()
