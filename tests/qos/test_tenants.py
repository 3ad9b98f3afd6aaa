"""Whose request it is: keys before networks, the most specific network before the others."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Tenant
from s3edge.qos.tenants import MOST_ADDRESSES, Tenants

TENANTS = Tenants(
    [
        Tenant(name="rag", access_keys=("AKRAG",), networks=("10.8.1.0/24", "fd00:1::/32", "192.0.2.7/32")),
        Tenant(name="training", access_keys=("AK1", "AK2"), networks=("10.8.0.0/16", "fd00::/8")),
        Tenant(name="mapped", networks=("::ffff:172.16.0.0/108",)),
        Tenant(name="home", networks=("::/96", "0.0.0.0/5")),
    ]
)


@pytest.mark.parametrize(
    "access_key, address, name",
    [
        ("AKRAG", "203.0.113.1", "rag"),
        ("AK2", "10.8.1.1", "training"),
        ("AK9", "10.8.1.1", "rag"),
        (None, "10.8.1.1", "rag"),
        (None, "10.8.2.1", "training"),
        (None, "10.9.0.1", "default"),
        ("AK9", "10.9.0.1", "default"),
        ("", "10.9.0.1", "default"),
        (None, "192.0.2.7", "rag"),
        (None, "192.0.2.6", "default"),
        (None, "fd00:1::9", "rag"),
        (None, "fd00:2::9", "training"),
        (None, "fe80::1%eth0", "default"),
        (None, "fd00:1::9%eth0", "rag"),
        (None, "::ffff:10.8.1.1", "rag"),
        (None, "172.31.255.255", "mapped"),
        (None, "172.32.0.0", "default"),
        (None, "::ffff:172.16.0.1", "mapped"),
        (None, "1.2.3.4", "home"),
        (None, "::1", "home"),
        (None, "::a08:101", "home"),  # its number is that of 10.8.1.1
        (None, "unknown", "default"),
    ],
)
def test_a_request_belongs_to_the_tenant_with_its_key_or_else_with_the_closest_network(
    access_key: str | None, address: str, name: str
) -> None:
    assert TENANTS.identify(access_key, address) == name
    assert TENANTS.identify(access_key, address) == name  # from memory


@pytest.mark.parametrize(
    "access_key, address, reason",
    [
        ("AK2", "10.8.1.1", "training has the access key AK2"),
        ("AK9", "10.8.1.1", "no tenant has the access key AK9, and 10.8.1.1 is in 10.8.1.0/24 of rag"),
        (None, "fd00:2::9", "no access key is claimed, and fd00:2::9 is in fd00::/8 of training"),
        (None, "::ffff:172.16.0.1", "no access key is claimed, and ::ffff:172.16.0.1 is in 172.16.0.0/12 of mapped"),
        (None, "10.9.0.1", "no access key is claimed, and 10.9.0.1 is in no tenant's network"),
    ],
)
def test_the_reason_says_what_the_tenant_was_known_by(access_key: str | None, address: str, reason: str) -> None:
    assert TENANTS.reason(access_key, address) == reason


@pytest.mark.parametrize(
    "tenants, uses_keys, uses_networks",
    [
        ([], False, False),
        ([Tenant(name="a", access_keys=("AK",))], True, False),
        ([Tenant(name="a", networks=("10.0.0.0/8",))], False, True),
    ],
)
def test_it_says_what_tells_tenants_apart(tenants: list[Tenant], uses_keys: bool, uses_networks: bool) -> None:
    known = Tenants(tenants)
    assert (known.uses_keys, known.uses_networks) == (uses_keys, uses_networks)


def test_without_tenants_everybody_is_of_the_default() -> None:
    assert Tenants([]).identify("AK", "10.0.0.1") == "default"


def test_addresses_that_come_once_do_not_grow_the_memory_and_all_are_still_known() -> None:
    tenants = Tenants([Tenant(name="a", networks=("10.0.0.0/15",))])
    for number in range(2 * MOST_ADDRESSES):
        assert tenants.identify(None, str(ip_address(0x0A000000 + number))) == "a"
        assert len(tenants._addresses) <= MOST_ADDRESSES
    assert tenants.identify(None, "10.0.0.0") == "a"


def _networks(width: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, 2**width - 1), st.integers(0, width))


@given(
    st.sampled_from([32, 128]).flatmap(
        lambda width: st.tuples(st.just(width), st.lists(_networks(width), max_size=6), st.integers(0, 2**width - 1))
    ),
    st.integers(0, 5),
    st.integers(0, 24),
)
def test_the_network_is_the_one_that_a_search_through_all_finds(
    drawn: tuple[int, list[tuple[int, int]], int], near: int, bits: int
) -> None:
    """`near` and `bits` move the address close to one of the networks, where it matters."""
    width, networks, number = drawn
    if networks:
        number = networks[near % len(networks)][0] ^ (number >> (width - bits))
    address = ip_address(number.to_bytes(width // 8))
    names = {
        str(ip_network((start.to_bytes(width // 8), length), strict=False)): f"t{place}"
        for place, (start, length) in enumerate(networks)
    }
    tenants = Tenants([Tenant(name=name, networks=(network,)) for network, name in names.items()])
    around = [ip_network(network) for network in names if address in ip_network(network)]
    closest = max(around, key=lambda network: network.prefixlen, default=None)
    expected = "default" if closest is None else names[str(closest)]
    assert tenants.identify(None, str(address)) == expected
