"""How a request's body is signed and coded, as `x-amz-content-sha256` says."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from s3edge.s3.head import Head


class PayloadKind(StrEnum):
    """The kinds of Signature Version 4. A `streaming` one is in aws-chunked coding, with signatures or a trailer."""

    NONE = "none"
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    STREAMING_SIGNED = "streaming_signed"
    STREAMING_SIGNED_TRAILER = "streaming_signed_trailer"
    STREAMING_UNSIGNED_TRAILER = "streaming_unsigned_trailer"
    STREAMING_ECDSA = "streaming_ecdsa"
    STREAMING_ECDSA_TRAILER = "streaming_ecdsa_trailer"
    OTHER = "other"


_KINDS: Final[Mapping[bytes | None, PayloadKind]] = {
    None: PayloadKind.NONE,
    b"UNSIGNED-PAYLOAD": PayloadKind.UNSIGNED,
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": PayloadKind.STREAMING_SIGNED,
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": PayloadKind.STREAMING_SIGNED_TRAILER,
    b"STREAMING-UNSIGNED-PAYLOAD-TRAILER": PayloadKind.STREAMING_UNSIGNED_TRAILER,
    b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD": PayloadKind.STREAMING_ECDSA,
    b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER": PayloadKind.STREAMING_ECDSA_TRAILER,
}
_SHA256: Final = re.compile(rb"[0-9a-fA-F]{64}")


def payload_kind(head: Head) -> PayloadKind:
    """The kind that the head announces; `NONE` without the field, `OTHER` for a value that Amazon does not define."""
    value = head.header(b"x-amz-content-sha256")
    kind = _KINDS.get(value)
    if kind is None:
        return PayloadKind.SIGNED if value is not None and _SHA256.fullmatch(value) else PayloadKind.OTHER
    return kind
