"""Whose request it is, by the access key that it claims and the address that it comes from.

A claimed key is not proved here; only a node can check the signature. Hence what a claim may cost its tenant must be
given back if the node refuses it.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from s3edge.config.qos import DEFAULT_TENANT, Tenant

# Clients that come once must not grow the memory. So many addresses take about 1 MiB; beyond it, all are forgotten, and
# those in use come back at the price of some microseconds each.
MOST_ADDRESSES: Final = 8192

# RFC 4291, section 2.5.5.2.
_MAPPED: Final = IPv6Network("::ffff:0:0/96")

IPNetwork = IPv4Network | IPv6Network
# Where a network is found: the version of IP, how many bits of an address do not count, and those that do.
_Place = tuple[int, int, int]


class Tenants:
    """The tenants of a checked configuration, by access key and by network.

    An IPv4 address mapped into IPv6, as sockets for both show it, is that IPv4 address. `uses_keys` and `uses_networks`
    say what tells tenants apart at all.
    """

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        self._keys = {key: tenant.name for tenant in tenants for key in tenant.access_keys}
        self._networks = dict(_placed(network, tenant) for tenant in tenants for network in tenant.networks)
        # For each version of IP, least first: then the first network that is found is the most specific one.
        self._shifts = {
            version: sorted({place[1] for place in self._networks if place[0] == version}) for version in (4, 6)
        }
        self._addresses: dict[str, str] = {}
        self.uses_keys = bool(self._keys)
        self.uses_networks = bool(self._networks)

    def identify(self, access_key: str | None, address: str) -> str:
        """The name of the tenant that has the access key, else of the most specific network, else `default`.

        0.1 us if the key is some tenant's or the address is known, else some us.
        """
        if access_key is not None:
            name = self._keys.get(access_key)
            if name is not None:
                return name
        name = self._addresses.get(address)
        return self._remember(address) if name is None else name

    def of_key(self, access_key: str) -> str | None:
        """The name of the tenant that has the access key; None if none has."""
        return self._keys.get(access_key)

    def reason(self, access_key: str | None, address: str) -> str:
        """Why `identify` says what it says, in words."""
        if access_key in self._keys:
            return f"{self._keys[access_key]} has the access key {access_key}"
        no_key = "no access key is claimed" if access_key is None else f"no tenant has the access key {access_key}"
        found = self._find(address)
        if found is None:
            return f"{no_key}, and {address} is in no tenant's network"
        name, network = found
        return f"{no_key}, and {address} is in {network} of {name}"

    def _remember(self, address: str) -> str:
        if len(self._addresses) >= MOST_ADDRESSES:
            self._addresses.clear()
        found = self._find(address)
        name = self._addresses[address] = DEFAULT_TENANT if found is None else found[0]
        return name

    def _find(self, address: str) -> tuple[str, IPNetwork] | None:
        """The tenant with the most specific network around an address, and that network."""
        try:
            host = ip_address(address)
        except ValueError:  # a peer without an address
            return None
        if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        number = int(host)  # without the zone that a link-local address may have
        for shift in self._shifts[host.version]:
            found = self._networks.get((host.version, shift, number >> shift))
            if found is not None:
                return found
        return None


def _placed(text: str, tenant: Tenant) -> tuple[_Place, tuple[str, IPNetwork]]:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        network = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    shift = network.max_prefixlen - network.prefixlen
    return (network.version, shift, int(network.network_address) >> shift), (tenant.name, network)
