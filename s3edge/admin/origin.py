"""Keeps web pages of others from changing or reading anything here through the browser of an operator who sees them."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_own_page(origin: str, host: str) -> bool:
    """Whether the origin, without its scheme, is the Host that was asked for; a TLS proxy may stand in between.

    A browser names the site of a page in `Origin` (Fetch standard: with every request but GET and HEAD).
    """
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def is_safe_name(host: str, hosts: Iterable[str]) -> bool:
    """Whether no page of another site can have been loaded under this Host; `hosts` are the operator's own names.

    Who owns a name can let it mean our address once his page is loaded (DNS rebinding); to the browser, what it reads
    here is then of that page's own site. Nobody can do so with an IP address, with what ends in `localhost` (RFC 6761,
    6.3), or with a name without dots, such as a machine's or a container's, since none is for sale.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return "." not in name or name.endswith(".localhost") or name in hosts or _is_ip_address(name)


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
