"""Where spans go, and of which requests there are any."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

from s3edge.config.address import parse_node_url
from s3edge.config.fault import Refused
from s3edge.config.part import Part
from s3edge.config.units import Share

ENDPOINT_ALLOWED: Final = "http://HOST[:PORT][/PATH] or https://..., such as http://collector:4318"
# What the specification of OTLP/HTTP puts behind a base URL.
TRACES_PATH: Final = "/v1/traces"

_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
# One trace in a hundred shows what is usual; what is not is told by events, counts and clients that mark a request.
SAMPLE: Final = 0.01


def parse_endpoint(value: object) -> str:
    """The base URL of an OTLP/HTTP collector, without a slash at its end.

    It holds no secret, so that it may be shown: credentials come in the environment (`OTEL_EXPORTER_OTLP_HEADERS`).
    """
    if not isinstance(value, str):
        raise Refused(ENDPOINT_ALLOWED)
    scheme, mark, rest = value.partition("://")
    authority, slash, path = rest.removesuffix("/").partition("/")
    if "@" in authority or "?" in rest or "#" in rest:
        hint = "credentials belong into the variable OTEL_EXPORTER_OTLP_HEADERS"
        raise Refused(ENDPOINT_ALLOWED, found="a URL with a user name, a query or a fragment", hint=hint)
    path = slash + path
    if path.endswith(TRACES_PATH):
        raise Refused(ENDPOINT_ALLOWED, hint=f"leave out {TRACES_PATH}, which is added")
    try:
        url = parse_node_url(scheme + mark + authority)
    except Refused as refused:
        raise Refused(ENDPOINT_ALLOWED, hint=refused.hint) from None
    if _PATH.fullmatch(path) is None:
        raise Refused(ENDPOINT_ALLOWED)
    return f"{url}{path}"


Endpoint = Annotated[str, BeforeValidator(parse_endpoint)]


class Tracing(Part):
    """The collector that spans are sent to, None for no traces, and the share of requests that begin a trace."""

    endpoint: Endpoint | None = None
    sample: Share = SAMPLE
