"""Endpoints at which nothing listens: settings are made from them."""

from pathlib import Path

from loadtests.matrix.client import Endpoint

AUTHORITY = Path("/authority.pem")


def endpoint(folder: Path, authority: Path | None = None) -> Endpoint:
    """One with TLS if it has an authority."""
    url = "https://127.0.0.1:9443" if authority else "http://127.0.0.1:9000"
    return Endpoint(url, "access", "it's secret", "us-east-1", "bucket", authority, folder)
