"""The kinds of request bodies."""

import pytest

from s3edge.s3.payload import PayloadKind, payload_kind
from tests.s3.heads import FakeHead

HEX_DIGEST = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "value, kind",
    [
        (HEX_DIGEST, PayloadKind.SIGNED),
        (HEX_DIGEST.upper(), PayloadKind.SIGNED),
        (b"UNSIGNED-PAYLOAD", PayloadKind.UNSIGNED),
        (b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadKind.STREAMING_SIGNED),
        (b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadKind.STREAMING_SIGNED_TRAILER),
        (b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadKind.STREAMING_UNSIGNED_TRAILER),
        (b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", PayloadKind.STREAMING_ECDSA),
        (b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", PayloadKind.STREAMING_ECDSA_TRAILER),
        (b"", PayloadKind.OTHER),
        (HEX_DIGEST[1:], PayloadKind.OTHER),
        (HEX_DIGEST + b"0", PayloadKind.OTHER),
        (HEX_DIGEST[1:] + b"g", PayloadKind.OTHER),
        (b"unsigned-payload", PayloadKind.OTHER),
    ],
)
def test_the_field_names_the_kind(value: bytes, kind: PayloadKind) -> None:
    assert payload_kind(FakeHead(fields={b"x-amz-content-sha256": value})) is kind


def test_without_the_field_there_is_no_kind() -> None:
    assert payload_kind(FakeHead()) is PayloadKind.NONE
