"""The dashboard as a browser gets it: a fixed table of files, from memory, under a strict content security policy.

The page has no build step. Its own files are package data beside this module; the script that draws its charts comes
from an installed package. They hold no data, so they need no token: the page asks `/api/v1` for all that it shows.
"""

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# TradingView's Lightweight Charts, as the package `litecharts` carries it. Only this file of it is read; the page says
# so and shows its numbers alone where it is missing.
CHARTS: Final = "lightweight-charts.js"
_CHARTS_PACKAGE: Final = "litecharts"
_CHARTS_FILE: Final = "litecharts/js/lightweight-charts.js"

# A browser with this page runs no script and loads no style but the page's files, talks to no other host, and takes no
# text for HTML (Content Security Policy Level 3; Trusted Types). What is left out falls under default-src.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    # A page of the version before would not understand the data of this one: a browser asks each time, by the ETag.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page; `tag` follows from its content."""

    content_type: str
    body: bytes
    compressed: bytes
    tag: str


class Dashboard:
    """Serves the page at `/` and its files at `/static/`."""

    def __init__(self) -> None:
        self._assets: dict[str, Asset] | None = None

    def routes(self) -> list[web.RouteDef]:
        """What the admin server has to route here."""
        return [web.get("/", self._get), web.get("/static/{name}", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        if self._assets is None:
            # Once, and in a thread: reading and compressing takes longer than others should wait for the loop.
            self._assets = await asyncio.to_thread(load_assets)
        asset = self._assets.get(request.match_info.get("name", "index.html"))
        if asset is None:
            raise web.HTTPNotFound(text="the page has no such file\n")
        if any(tag.value in (asset.tag, "*") for tag in request.if_none_match or ()):
            answer = web.Response(status=304, headers=_HEADERS)
        else:
            is_compressed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
            body = asset.compressed if is_compressed else asset.body
            answer = web.Response(body=body, headers={**_HEADERS, "Content-Type": asset.content_type})
            if is_compressed:
                answer.headers["Content-Encoding"] = "gzip"
        # Weak: the same for the plain and the compressed form (RFC 9110, 8.8.1).
        answer.etag = ETag(asset.tag, is_weak=True)
        return answer


def load_assets() -> dict[str, Asset]:
    """The files of the page by their names. Blocks for some tens of milliseconds."""
    assets = {
        found.name: _asset(found.name, found.read_bytes())
        for found in (files("s3edge.admin") / "dashboard").iterdir()
        if Path(found.name).suffix in _TYPES
    }
    script = charts_script()
    if script is not None:
        assets[CHARTS] = _asset(CHARTS, script.read_bytes())
    return assets


def charts_script() -> Path | None:
    """Where the charts' script is installed; None if it is not. Nothing of the package is imported."""
    try:
        path = Path(str(distribution(_CHARTS_PACKAGE).locate_file(_CHARTS_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` names gzip and does not rule it out (RFC 9110, 12.5.3)."""
    for entry in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in entry.split(";"))
        if coding == "gzip":
            return not any(part.startswith("q=") and not part[2:].strip("0.") for part in parameters)
    return False


def _asset(name: str, body: bytes) -> Asset:
    tag = hashlib.sha256(body).hexdigest()[:32]
    return Asset(_TYPES[Path(name).suffix], body, gzip.compress(body, mtime=0), tag)
