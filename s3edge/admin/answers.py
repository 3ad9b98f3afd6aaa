"""What all answers of the admin server have in common: refusals are JSON, and browsers are told what to keep from."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# For all that is no page: it loads nothing, runs nothing, and is shown in no other page.
NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'"
# What a browser is told with every answer, unless the answer itself says otherwise.
SECURITY: Final = {
    "Content-Security-Policy": NO_PAGE,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Files of the page may be kept; all else is of this moment, or not for everybody.
KEPT_PATH: Final = "/static/"


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to an answer that is about to be sent; no answer ever allows other origins (CORS)."""
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith(KEPT_PATH):
        response.headers.setdefault("Cache-Control", "no-store")
    # Which version of which library this is helps nobody but those who look for its faults.
    response.headers["Server"] = "s3edge"


@web.middleware
async def refuse_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every refusal the body `{"error": REASON}`; that of a path which does not exist names those that do."""
    try:
        return await handler(request)
    except web.HTTPError as refusal:
        if refusal.content_type != "application/json":
            refusal.text = json.dumps({"error": _reason(request, refusal)})
            refusal.content_type = "application/json"
        raise


def _reason(request: web.Request, refusal: web.HTTPError) -> str:
    if request.match_info.http_exception is not refusal:
        return (refusal.text or refusal.reason).strip()
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        return f"{request.method[:80]!r} is not for this path; allowed: {', '.join(sorted(refusal.allowed_methods))}"
    paths = sorted({resource.canonical for resource in request.app.router.resources()})
    return f"nothing is at {request.path[:80]!r}; there are {', '.join(paths)}"
