"""TLS contexts from the configured files, and what to tell the operator when a file does not serve.

Made once in the supervisor to find faults before anything starts, and again in every worker.
"""

import ssl
from pathlib import Path

from s3edge.config.model import NodeTls, Tls
from s3edge.errors import StartError


def client_context(tls: Tls) -> ssl.SSLContext:
    """The context in which clients are served: TLS 1.2 and up, HTTP/1.1. Raises StartError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load(context, tls)
    return context


def renew(context: ssl.SSLContext, tls: Tls) -> None:
    """Have new handshakes use what the files hold now. Raises StartError, and then leaves the context as it is."""
    client_context(tls)
    _load(context, tls)


def node_context(tls: NodeTls) -> ssl.SSLContext:
    """The context in which `https` nodes are verified: by the CA file, else by the system's CAs. Raises StartError."""
    if tls.ca is not None:
        _readable(tls.ca, "CA file")
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except ssl.SSLError as error:
        raise StartError(f"the CA file {tls.ca} is not a PEM file with certificates: {_reason(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, tls: Tls) -> None:
    _readable(tls.certificate, "certificate")
    _readable(tls.key, "key")
    try:
        # Without a password OpenSSL would ask on the terminal, where nobody sits.
        context.load_cert_chain(tls.certificate, tls.key, password=b"")
    except ssl.SSLError as error:
        raise StartError(
            f"the certificate {tls.certificate} and the key {tls.key} do not serve: {_reason(error)}; "
            "both must be PEM files, the key without a password and made for this certificate"
        ) from error


def _readable(path: Path, what: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise StartError(f"cannot read the {what} {path}: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
