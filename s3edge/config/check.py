"""All faults of a document at once: those of single parts, and those between parts.

The checks between parts look at single values, not at whole parts, so that a fault in a part hides no other one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from s3edge.config.address import Address, host_and_port, parse_address, parse_node_url
from s3edge.config.admin import DEFAULT_ADMIN, TOKEN, TOKEN_VARIABLE, Protect
from s3edge.config.contradiction import contradictions
from s3edge.config.document import Document, Location
from s3edge.config.fault import Fault, Refused, did_you_mean
from s3edge.config.model import DEFAULT_LISTEN
from s3edge.config.policy import Policy
from s3edge.config.qos import DEFAULT_TENANT, parse_network
from s3edge.config.reach import reach
from s3edge.config.schema import schema_faults
from s3edge.config.shadow import shadows


def check(document: Document, folder: Path) -> list[Fault]:
    """All that is wrong with a document, except for what only the disk can tell; relative paths are in `folder`."""
    return [
        *document.faults,
        *schema_faults(document, folder),
        *_doubled_names(document),
        *_lost_routes(document),
        *_lost_tenants(document),
        *contradictions(document),
        *_address_clash(document),
        *_lacking_token(document),
        *_unused_policies(document),
    ]


def _doubled_names(document: Document) -> Iterator[Fault]:
    yield from _twice(document, _names(document, "clusters", "name"), "a name of its own for each cluster")
    yield from _twice(document, _node_names(document), "each host and port once in all clusters")
    yield from _twice(document, _names(document, "policies", "policy"), "a name of its own for each policy")
    for policy in document.items(("policies",)):
        yield from _twice(document, _texts(document, document.items((*policy, "route"))), "each cluster once")
    yield from _twice(document, _names(document, "tenants", "name"), "a name of its own for each tenant")
    yield from _twice(document, _of_tenants(document, "access_keys"), "each access key in one tenant, once")
    yield from _twice(document, _networks(document), "each network in one tenant, once")


def _twice(document: Document, names: Iterable[tuple[Location, str]], allowed: str) -> Iterator[Fault]:
    first: dict[str, Location] = {}
    for at, name in names:
        if name in first:
            found = f"{document.found(at)} a second time, first at {document.place(first[name])}"
            yield document.fault(at, found, allowed)
        else:
            first[name] = at


def _names(document: Document, section: str, key: str) -> list[tuple[Location, str]]:
    return _texts(document, [(*at, key) for at in document.items((section,))])


def _texts(document: Document, locations: Iterable[Location]) -> list[tuple[Location, str]]:
    """The locations with a string, and the string."""
    return [(at, text) for at in locations if isinstance(text := document.at(at), str)]


def _node_names(document: Document) -> Iterator[tuple[Location, str]]:
    for cluster in document.items(("clusters",)):
        for node in document.items((*cluster, "nodes")):
            at: Location = (*node, "url") if isinstance(document.at(node), dict) else node
            try:
                url = parse_node_url(document.at(at))
            except Refused:
                continue
            yield at, host_and_port(url.host, url.port)


def _of_tenants(document: Document, key: str) -> list[tuple[Location, str]]:
    return [
        found for tenant in document.items(("tenants",)) for found in _texts(document, document.items((*tenant, key)))
    ]


def _networks(document: Document) -> Iterator[tuple[Location, str]]:
    for at, text in _of_tenants(document, "networks"):
        try:
            yield at, parse_network(text)
        except Refused:
            continue


def _lost_routes(document: Document) -> Iterator[Fault]:
    named = _names(document, "clusters", "name")
    clusters = {name: document.place(at).written or name for at, name in named}
    for policy in document.items(("policies",)):
        for at, name in _texts(document, document.items((*policy, "route"))):
            if clusters and name not in clusters:
                found = f"{document.found(at)}, which is no cluster of this configuration"
                yield document.fault(at, found, ", ".join(clusters.values()), did_you_mean(name, clusters.values()))


def _lost_tenants(document: Document) -> Iterator[Fault]:
    named = _names(document, "tenants", "name")
    tenants = {name: document.place(at).written or name for at, name in named} | {DEFAULT_TENANT: DEFAULT_TENANT}
    for policy in document.items(("policies",)):
        for at, name in _texts(document, document.items((*policy, "match", "tenants"))):
            if name not in tenants:
                found = f"{document.found(at)}, which is no tenant of this configuration"
                allowed = f"the name of one of the tenants, or {DEFAULT_TENANT}"
                yield document.fault(at, found, allowed, did_you_mean(name, tenants.values()))


def _address_clash(document: Document) -> Iterator[Fault]:
    listen, admin = _address(document, "listen", DEFAULT_LISTEN), _address(document, "admin", DEFAULT_ADMIN)
    if listen and admin and listen.overlaps(admin):
        # One of them may be a default, which stands nowhere.
        section, other = ("admin", "listen") if ("admin", "address") in document.places else ("listen", "admin")
        found = f"{document.found((section, 'address'))}, which overlaps with {other}.address"
        yield document.fault((section, "address"), found, "different ports, or different hosts")


def _lacking_token(document: Document) -> Iterator[Fault]:
    """What needs an admin token, where there is none."""
    if document.at(TOKEN) is not None or document.is_broken(TOKEN):
        return
    source = f"admin.token or the environment variable {TOKEN_VARIABLE}"
    at: Location = ("admin", "address")
    address = _address(document, "admin", DEFAULT_ADMIN)
    if address and not address.is_loopback:
        found = f"{document.found(at)}, which other machines may reach, and no token"
        yield document.fault(at, found, f"an address of loopback, such as {DEFAULT_ADMIN}; any other with {source}")
    at = ("admin", "protect")
    if document.at(at) == Protect.ALL:
        yield document.fault(at, f"{document.found(at)}, and no token", f"{Protect.ALL} with {source}")


def _address(document: Document, section: str, default: Address) -> Address | None:
    value = document.at((section, "address"))
    try:
        return default if value is None else parse_address(value)
    except Refused:
        return None


def _unused_policies(document: Document) -> Iterator[Fault]:
    """Policies that no request fits, and those that decide nothing for the requests that do."""
    policies = {at: policy for at in document.items(("policies",)) if (policy := _policy(document, at))}
    for at in [at for at, policy in policies.items() if not reach(policy.match)]:
        match = policies.pop(at).match
        said = [key for key in ("operations", "classes", "buckets", "prefixes") if getattr(match, key) is not None]
        yield document.fault((*at, "match"), "a match that no request fits", f"{' and '.join(said)} of one request")
    locations = list(policies)
    for later, earlier in shadows(list(policies.values())):
        above = locations[earlier]
        first = f"{policies[above].name} ({document.place(above)})"
        found = f"a policy that never decides anything, since {first} matches first"
        allowed = "policies in the order of their files, narrower matches before wider ones"
        yield document.fault((*locations[later], "policy"), found, allowed)


def _policy(document: Document, at: Location) -> Policy | None:
    try:
        return Policy.model_validate(document.at(at))
    except ValidationError:
        return None
