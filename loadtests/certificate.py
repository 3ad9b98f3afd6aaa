"""A throw-away certificate for the TLS side of proxies under test."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """PEM files: the chain, its key, both in one file as HAProxy wants them, and the authority that clients trust."""

    chain: Path
    key: Path
    bundle: Path
    authority: Path


def issue_certificate(folder: Path) -> Certificate:
    """Write a certificate for 127.0.0.1 with a P-256 key: cheap handshakes, and the same for all proxies."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = (folder / name for name in ("edge.pem", "edge.key", "edge.bundle.pem", "authority.pem"))
    certificate = Certificate(*files)
    authority.cert_pem.write_to_path(str(certificate.authority))
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(certificate.chain), append=number > 0)
    issued.private_key_pem.write_to_path(str(certificate.key))
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate.bundle))
    return certificate
