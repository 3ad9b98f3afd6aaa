"""Text of unknown origin, made fit for one line of a log or of a head."""


def printable(text: str, limit: int) -> str:
    """The text in printable ASCII: all else, and the backslash, as Python writes it; cut to `limit` characters."""
    # Cut before, too, so that a text of megabytes costs no more than one that fits.
    escaped = text[:limit].encode("unicode_escape").decode("ascii")
    if len(text) <= limit and len(escaped) <= limit:
        return escaped
    return f"{escaped[: limit - 3]}..."
