"""Who may do what at the admin address: changes need the token, reading may; pages of other sites may do neither."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Final, Literal

from aiohttp import web

from s3edge.admin.origin import is_own_page, is_safe_name
from s3edge.config.admin import TOKEN_VARIABLE, Admin, Protect

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Methods that change nothing (RFC 9110, 9.2.1).
SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
# What holds no data of anyone: the page and its files, and what load balancers and Kubernetes ask for.
OPEN: Final = frozenset(("/", "/static", "/-/healthy", "/-/ready"))

# A person who mistypes is told of each mistake; a program with an old token is told to slow down.
MOST_WRONG: Final = 10
WRONG_PERIOD: Final = 60.0

HOW_TO_SET: Final = f"set admin.token or the environment variable {TOKEN_VARIABLE}"
CHALLENGE: Final = 'Bearer realm="s3edge"'  # RFC 6750, 3


class WrongTokens:
    """Counts wrong tokens, whoever sends them, in periods of `WRONG_PERIOD` seconds; `now` is any clock."""

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0

    def add(self, now: float) -> int:
        """Count one; how many there are in this period."""
        if now >= self._until:
            self._count, self._until = 0, now + WRONG_PERIOD
        self._count += 1
        return self._count

    def left(self, now: float) -> int:
        """Whole seconds until the period is over."""
        return ceil(self._until - now)


class Access:
    """Lets requests through, or refuses them with what to do; `admin` gives the configuration of the moment."""

    def __init__(self, admin: Callable[[], Admin]) -> None:
        self._admin = admin
        self._wrong = WrongTokens()

    @property
    def changes(self) -> Literal["token", "off"]:
        """Whether changes need the token, or nobody can make any, since there is none."""
        return "off" if self._admin().token is None else "token"

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what may not be done: 401 without the right token, 403 if none would help, 429 to guesses."""
        admin = self._admin()
        if request.method not in SAFE:
            # Before the token, so that pages of others can use up no guesses.
            _refuse_pages_of_others(request)
            self._need_token(request, admin, "changes need the token")
        elif _holds_data(request):
            if admin.protect is Protect.ALL:
                self._need_token(request, admin, "reading needs the token, too")
            elif not is_safe_name(request.headers.get("Host", ""), (*admin.hosts, admin.address.host)):
                reason = "under a name that admin.hosts does not list, reading needs the token, too"
                self._need_token(request, admin, reason)
        return await handler(request)

    def _need_token(self, request: web.Request, admin: Admin, reason: str) -> None:
        """Return if the request has the token; raises HTTPException with the reason."""
        if admin.token is None:
            raise web.HTTPForbidden(text=f"{reason}, and none is set: {HOW_TO_SET}")
        given = _given_token(request)
        if given is None:
            text = f"{reason}: send it in the field Authorization: Bearer TOKEN"
            raise web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": CHALLENGE})
        if not hmac.compare_digest(given, admin.token.get_secret_value().encode()):
            raise self._wrong_token(request)

    def _wrong_token(self, request: web.Request) -> web.HTTPException:
        """What a wrong token is answered. A right one always works: nobody can lock the operator out by guessing.

        Guesses are not worth more than that, since it is a token's length that withstands them.
        """
        now = asyncio.get_running_loop().time()
        count = self._wrong.add(now)
        if count <= MOST_WRONG:
            log.warning("%s sent a wrong admin token", request.remote)
            challenge = f'{CHALLENGE}, error="invalid_token"'
            return web.HTTPUnauthorized(text="the token is wrong", headers={"WWW-Authenticate": challenge})
        if count == MOST_WRONG + 1:
            log.error("wrong admin tokens in a minute: more than %d; the last came from %s", MOST_WRONG, request.remote)
        text = "the token is wrong, and so were too many others; the right one still works"
        return web.HTTPTooManyRequests(text=text, headers={"Retry-After": str(self._wrong.left(now))})


def _holds_data(request: web.Request) -> bool:
    """Whether the path is one that is to be protected: any that there is, but for the open ones."""
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical not in OPEN and not resource.canonical.startswith("/static/")


def _refuse_pages_of_others(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and not is_own_page(origin, request.headers.get("Host", "")):
        raise web.HTTPForbidden(text=f"a page of {origin[:80]!r} may not do this here; it is for pages of this host")


def _given_token(request: web.Request) -> bytes | None:
    """What stands behind `Bearer`, as it came; None where there is nothing of the kind."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip().encode(errors="surrogateescape") if scheme.lower() == "bearer" and token else None
