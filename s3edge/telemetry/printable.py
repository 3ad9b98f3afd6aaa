"""Text of unknown origin, made fit for where it is written: one line of a log, a head, JSON, a span."""

from json.encoder import encode_basestring_ascii

from s3edge.s3.encoding import as_text


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


def quoted(raw: bytes, limit: int) -> str:
    """The text as a string of JSON; what takes more than `limit` bytes (3 or more) is cut and ends in `...`.

    Bytes that are no UTF-8 are shown as in events. All is ASCII, so that no key can do anything to a terminal.
    """
    if raw.isascii():
        text = raw.decode("ascii")
    else:
        text = as_text(raw[: limit + 1]).encode("utf-8", "backslashreplace").decode()
    string = encode_basestring_ascii(text)
    while len(string) > limit + 2:
        kept = min(limit, len(text) * limit // (len(string) - 2)) - 3
        text = f"{text[: max(0, kept)]}..."
        string = encode_basestring_ascii(text)
    return string
