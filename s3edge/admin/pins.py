"""The operator's pins: `POST /api/v1/tenants/NAME/pin` and `release`, and the same for a client's address."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from aiohttp import web

from s3edge.admin.tenants import Sources
from s3edge.config.fault import Refused, did_you_mean, shown
from s3edge.config.units import duration, request_rate
from s3edge.qos.activity import Source

# The rate of a pin that takes a source out of the guard's hands and holds it to nothing.
UNLIMITED: Final = "unlimited"

_rate = request_rate()
_duration = duration(low=1.0)


class PinRefusedError(Exception):
    """What the operator asks for cannot be done; says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """`rate` in requests per second, None for no limit, for some `seconds`, None for until it is released."""

    rate: float | None
    seconds: float | None


class Pins:
    """Obeys the operator; `tenants` gives the names that there are. What is ordered holds within a second."""

    def __init__(self, sources: Sources, tenants: Callable[[], list[str]]) -> None:
        self._sources = sources
        self._tenants = tenants

    async def pin_tenant(self, request: web.Request) -> web.Response:
        """Hold a tenant to a rate."""
        return await self._pin(request, self._tenant(request))

    async def release_tenant(self, request: web.Request) -> web.Response:
        """Let a tenant go."""
        return self._release(self._tenant(request))

    async def pin_client(self, request: web.Request) -> web.Response:
        """Hold a client address to a rate; it need not have been seen yet."""
        return await self._pin(request, self._client(request))

    async def release_client(self, request: web.Request) -> web.Response:
        """Let a client address go."""
        source = self._client(request)
        if self._sources.status(source) is None:
            raise _not_found(f"the guard knows no client {source.name}; see /api/v1/clients")
        return self._release(source)

    async def _pin(self, request: web.Request, source: Source) -> web.Response:
        try:
            pin = read_pin(await _asked(request))
        except PinRefusedError as error:
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        self._sources.pin(source, pin.rate, pin.seconds)
        return web.json_response({source.kind: source.name, "pinned_to": pin.rate, "seconds": pin.seconds})

    def _release(self, source: Source) -> web.Response:
        self._sources.release(source)
        return web.json_response({source.kind: source.name, "released": True})

    def _tenant(self, request: web.Request) -> Source:
        name, names = request.match_info["name"], self._tenants()
        if name not in names:
            hint = did_you_mean(name, names) or f"tenants: {', '.join(names)}"
            raise _not_found(f"no tenant is named {name[:80]!r}; {hint}")
        return Source("tenant", name)

    def _client(self, request: web.Request) -> Source:
        text = request.match_info["address"]
        try:
            address = ip_address(text)
        except ValueError:
            raise _not_found(f"{text[:80]!r} is no IP address, such as 10.0.0.7 or fd00::7") from None
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return Source("client", str(mapped or address))


def read_pin(asked: Mapping[str, object]) -> Pin:
    """What the operator says of a pin, checked; raises PinRefusedError."""
    unknown = asked.keys() - {"rate", "for"}
    if unknown:
        raise PinRefusedError(f"{shown(min(unknown))} is not known here; allowed: rate, for")
    rate, seconds = asked.get("rate"), asked.get("for")
    return Pin(
        None if rate == UNLIMITED else _checked("rate", rate, _rate),
        None if seconds is None else _checked("for", seconds, _duration),
    )


def _checked(name: str, value: object, parse: Callable[[object], float]) -> float:
    try:
        return parse(value)
    except Refused as refused:
        allowed = f"{refused.allowed}, or {UNLIMITED}" if name == "rate" else refused.allowed
        hint = f"; {refused.hint}" if refused.hint else ""
        raise PinRefusedError(f"{name}: found {shown(value)}; allowed: {allowed}{hint}") from None


async def _asked(request: web.Request) -> dict[str, Any]:
    """The query, or what stands in the body as a JSON object. Raises PinRefusedError."""
    body = await request.read()
    if not body:
        return dict(request.query)
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise PinRefusedError('the body is no JSON object, such as {"rate": "50/s", "for": "10m"}')
    return {**request.query, **asked}


def _not_found(error: str) -> web.HTTPException:
    return _refusal(web.HTTPNotFound, error)


def _refusal(kind: type[web.HTTPException], error: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": error}), content_type="application/json")
