"""Where a socket listens (`Address`), where a node is (`NodeUrl`), and the host names they are made of."""

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

from s3edge.config.fault import Refused
from s3edge.config.units import matching

Scheme = Literal["http", "https"]

DEFAULT_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}
# Without a host, as MinIO and its sidekick read ":9000": every address of the machine.
EVERY_IPV4 = "0.0.0.0"
EVERY_IPV6 = "::"

_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"  # RFC 1123, and the underscore of container platforms
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_IPV6_CHARACTERS = frozenset(string.hexdigits + ":.")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]*)(?::([0-9]{1,5}))?")

LISTEN_ALLOWED = "HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:9000, [::1]:9000 or :9000"
NODE_ALLOWED = "http://HOST[:PORT] or https://HOST[:PORT], such as http://minio1:9000"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; `host` has no brackets. Port 0 lets the system choose a free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)

    @property
    def is_every_address(self) -> bool:
        return self.host in (EVERY_IPV4, EVERY_IPV6)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it. Of names only `localhost` is known to stay here (RFC 6761, 6.3)."""
        try:
            address = ip_address(self.host)
        except ValueError:
            return self.host == "localhost"
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (mapped or address).is_loopback

    def overlaps(self, other: "Address") -> bool:
        """Whether two sockets cannot listen on both; a port of 0 never collides."""
        is_same_host = self.host == other.host or self.is_every_address or other.is_every_address
        return self.port == other.port != 0 and is_same_host


@dataclass(frozen=True, slots=True)
class NodeUrl:
    """Where a node is; `host` is in lower case, without brackets, a DNS name or an address."""

    scheme: Scheme
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{host_and_port(self.host, self.port)}"


def host_and_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(value: object) -> Address:
    """Read `127.0.0.1:9000`, `localhost:9000`, `[::1]:9000`, or `:9000`, which is every IPv4 address."""
    if isinstance(value, Address):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # YAML reads a lone port as a number
    if not isinstance(value, str):
        raise Refused(LISTEN_ALLOWED)
    host, port = _split(value, LISTEN_ALLOWED)
    if port is None:
        raise Refused(
            LISTEN_ALLOWED, hint=f"did you mean :{value}?" if value.isdecimal() else f"did you mean {value}:9000?"
        )
    return Address(host or EVERY_IPV4, port)


def parse_node_url(value: object) -> NodeUrl:
    """Read `http://minio1:9000`; the port is 80 or 443 where it is left out, a lone `/` behind it does no harm."""
    if isinstance(value, NodeUrl):
        return value
    if not isinstance(value, str):
        raise Refused(NODE_ALLOWED)
    scheme, mark, rest = value.partition("://")
    if not mark:
        raise Refused(NODE_ALLOWED, hint="begin it with http:// or https://")
    if scheme not in ("http", "https"):
        raise Refused(NODE_ALLOWED)
    if "@" in rest:
        raise Refused(NODE_ALLOWED, found="a URL with a user name", hint="clients bring their own credentials")
    rest = rest.removesuffix("/")
    if any(mark in rest for mark in "/?#"):
        raise Refused(NODE_ALLOWED, hint="leave out what follows the port")
    host, port = _split(rest, NODE_ALLOWED)
    if not host or port == 0:
        raise Refused(NODE_ALLOWED)
    known: Scheme = "https" if scheme == "https" else "http"
    return NodeUrl(known, host, DEFAULT_PORTS[known] if port is None else port)


def _split(text: str, allowed: str) -> tuple[str, int | None]:
    """The host (lower case, no brackets, maybe empty) and the port of `host:port`."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        is_bare_ipv6 = text.count(":") > 1 and set(text) <= _IPV6_CHARACTERS
        raise Refused(allowed, hint="put an IPv6 address in brackets" if is_bare_ipv6 else "")
    host, port = match[1].lower(), None if match[2] is None else int(match[2])
    if port is not None and port > 65535:
        raise Refused(allowed)
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1])), port
        except AddressValueError:
            raise Refused(allowed) from None
    if host and _HOST.fullmatch(host) is None:
        raise Refused(allowed)
    return host, port


def parse_base_host(value: object) -> str:
    """A DNS name in lower case that buckets are put before, as in `bucket.s3.example.com`."""
    host = _base_host(value).lower()
    if host.replace(".", "").isdecimal():
        raise Refused(_BASE_HOST_ALLOWED)
    return host


_BASE_HOST_ALLOWED = "a DNS name without scheme and port, such as s3.example.com"
_base_host: Callable[[object], str] = matching(_HOST, _BASE_HOST_ALLOWED)

ListenAddress = Annotated[Address, PlainValidator(parse_address), PlainSerializer(str, return_type=str)]
NodeAddress = Annotated[NodeUrl, PlainValidator(parse_node_url), PlainSerializer(str, return_type=str)]
BaseHost = Annotated[str, BeforeValidator(parse_base_host)]
