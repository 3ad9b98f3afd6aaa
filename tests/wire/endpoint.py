"""Where a client of the wire tests connects to, and as whom."""

import ssl
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class Endpoint:
    """An S3 endpoint; `ca` is the PEM file to trust when the URL is https.

    `checksums` says when clients add them, in botocore's words; `is_verifying` is whether the storage
    compares signatures; `refused` are the odd keys that it does not keep, and `lists_all_uploads` is
    whether each of its nodes lists those that were begun at another one; `storage_url` is set if s3edge stands between.
    """

    name: str
    url: str
    ca: Path | None = None
    access_key: str = "AKWIRETEST0000000001"
    secret_key: str = "wire-test-secret"
    region: str = "us-east-1"
    checksums: str = "when_supported"
    is_verifying: bool = False
    refused: tuple[str, ...] = ()
    lists_all_uploads: bool = True
    storage_url: str | None = None

    def behind(self, name: str, url: str, ca: Path | None = None) -> "Endpoint":
        """The same storage as it is reached through s3edge."""
        return replace(self, name=name, url=url, ca=ca, storage_url=self.url)

    @property
    def storage(self) -> "Endpoint":
        """The storage behind s3edge; the endpoint itself if there is no s3edge between."""
        return replace(self, url=self.storage_url, ca=None) if self.storage_url else self

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def authority(self) -> str:
        """Host and port as in a Host header."""
        return self.url.partition("://")[2]

    @property
    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca) if self.is_tls else None

    def fetch(self, url: str, method: str = "GET", body: bytes | None = None) -> bytes:
        """Send one plain request, as curl would do with a presigned URL; raises HTTPError at a status >= 400."""
        request = urllib.request.Request(url, data=body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/octet-stream")
        with urllib.request.urlopen(request, timeout=30, context=self.tls) as answer:
            content: bytes = answer.read()
            return content
