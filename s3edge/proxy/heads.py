"""What changes in a head on its way through: the fields between two neighbours, and nothing else.

A client signs its head, so all other bytes stay as they are; to the request one unsigned field is added.
"""

from s3edge.http1.head import RequestHead, ResponseHead, without_hop_fields


def for_node(head: RequestHead, forwarded_for: bytes, raw: bytes | None = None) -> bytes:
    """The request head that the node gets; `forwarded_for` is the field that says who asked, and the empty line.

    `raw` stands for `head.raw` where a resume asks for something else.
    """
    if raw is None:
        raw = head.raw
    if head.hop_fields:
        raw = without_hop_fields(raw)
    return raw[:-2] + forwarded_for


def for_client(answer: ResponseHead, request: RequestHead, *, is_last: bool, trace: bytes = b"") -> bytes:
    """The answer head that the client gets; `is_last` says that its connection closes after the body.

    `trace` is a line of its own, or empty.
    """
    raw = answer.raw
    if answer.hop_fields or ((is_last or request.minor == 0) and answer.has_connection):
        raw = without_hop_fields(raw)
    if trace:
        raw = raw[:-2] + trace + b"\r\n"
    if is_last:
        return raw[:-2] + b"Connection: close\r\n\r\n"
    if request.minor == 0:
        return raw[:-2] + b"Connection: keep-alive\r\n\r\n"
    return raw
