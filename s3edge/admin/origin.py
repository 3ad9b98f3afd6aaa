"""Keeps web pages of others from changing anything here through the browser of an operator who looks at them."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Methods that change nothing (RFC 9110, 9.2.1).
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a change that the page of another site asks for.

    A browser names that site in `Origin` (Fetch standard: with every request but GET and HEAD); curl sends none.
    """
    origin = request.headers.get("Origin")
    if request.method not in SAFE and origin is not None and not _is_own(origin, request.host):
        raise web.HTTPForbidden(text=f"a page of {origin[:80]!r} may not do this here; it is for pages of this host\n")
    return await handler(request)


def _is_own(origin: str, host: str) -> bool:
    """Whether the origin, without its scheme, is the Host that was asked for; a TLS proxy may stand in between."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
