"""Requests signed by hand, for the payload kinds and hosts that no client of the matrix lets one choose."""

import hashlib
import http.client
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.wire.endpoint import Endpoint

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNK = 64 << 10  # bytes; the smallest that S3 allows is 8 KiB
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class Signer(S3SigV4Auth):  # type: ignore[misc]  # botocore publishes no types
    """Signature version 4 with a payload kind of one's choice."""

    def __init__(self, endpoint: Endpoint, payload: str) -> None:
        super().__init__(Credentials(endpoint.access_key, endpoint.secret_key), "s3", endpoint.region)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload

    def chunked(self, request: AWSRequest, body: bytes) -> bytes:
        """The body of a signed request as signed chunks.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
        """
        previous = request.headers["Authorization"].rpartition("=")[2]
        encoded = bytearray()
        for chunk in [*_pieces(body), b""]:
            previous = self._sign_chunk(request, previous, chunk)
            encoded += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
        return bytes(encoded)

    def _sign_chunk(self, request: AWSRequest, previous: str, chunk: bytes) -> str:
        lines = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            request.context["timestamp"],
            self.credential_scope(request),
            previous,
            EMPTY_SHA256,
            hashlib.sha256(chunk).hexdigest(),
        ]
        signature: str = self.signature("\n".join(lines), request)
        return signature


def _pieces(body: bytes) -> Iterable[bytes]:
    return (body[offset : offset + CHUNK] for offset in range(0, len(body), CHUNK))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def send(
    endpoint: Endpoint, method: str, path: str, body: bytes = b"", payload: str = UNSIGNED, host: str | None = None
) -> Answer:
    """Sign and send one request; `host` is what the Host header says, the endpoint's own authority if not given."""
    url = urlsplit(f"{endpoint.url}{path}")
    headers = {"Host": host or endpoint.authority}
    if payload == STREAMING:
        headers |= {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(body))}
    request = AWSRequest(method, url.geturl(), headers)
    signer = Signer(endpoint, payload)
    signer.add_auth(request)
    content = signer.chunked(request, body) if payload == STREAMING else body

    connection: http.client.HTTPConnection
    if endpoint.is_tls:
        connection = http.client.HTTPSConnection(endpoint.authority, timeout=30, context=endpoint.tls)
    else:
        connection = http.client.HTTPConnection(endpoint.authority, timeout=30)
    try:
        connection.request(method, path, content, dict(request.headers.items()))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        connection.close()
