"""Tenants, limits, guards and capacities, as values."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from s3edge.config.part import Part
from s3edge.config.policy import Policy
from s3edge.config.qos import (
    Bandwidth,
    Capacity,
    Guard,
    GuardMode,
    Limits,
    NodeCapacity,
    Priority,
    RequestRates,
    ScopedLimits,
    Tenant,
)
from s3edge.s3.operation import OperationClass

MIB = 1024.0**2


def test_one_rate_of_requests_is_that_of_all_kinds_together() -> None:
    assert RequestRates.model_validate("500/s") == RequestRates(all=500.0)
    assert RequestRates.model_validate({"all": "500/s", "list": "30/m"}) == RequestRates(all=500.0, list=0.5)


def test_one_bandwidth_is_that_of_each_direction() -> None:
    assert Bandwidth.model_validate("200MiB/s") == Bandwidth(received=200 * MIB, sent=200 * MIB)
    assert Bandwidth.model_validate({"sent": "1MiB/s"}) == Bandwidth(received=None, sent=MIB)


def test_every_class_of_operations_has_a_rate_of_its_own() -> None:
    assert list(RequestRates.model_fields) == ["all", *OperationClass]


def test_what_is_left_out_is_not_limited() -> None:
    assert set(ScopedLimits().model_dump(exclude={"burst", "requests", "bandwidth"}).values()) == {None}
    rates = chain(RequestRates().model_dump().values(), Bandwidth().model_dump().values())
    assert set(rates) == {None}


@pytest.mark.parametrize("value", [0, "0/s", "x", None, [], True])
@pytest.mark.parametrize("rates", [RequestRates, Bandwidth])
def test_a_rate_that_is_none_is_refused_once_and_not_for_each_key(rates: type[Part], value: object) -> None:
    with pytest.raises(ValidationError, match="or a mapping with any of") as refused:
        rates.model_validate(value)
    assert refused.value.error_count() == 1


def test_a_limit_of_connections_per_bucket_is_refused() -> None:
    with pytest.raises(ValidationError, match="one connection may be for many buckets"):
        ScopedLimits(per_bucket=Limits(connections=5))
    assert ScopedLimits(per_client=Limits(connections=5)).per_client == Limits(connections=5)


@pytest.mark.parametrize("value, mode", [(True, "enforce"), ("true", "enforce"), ({}, "enforce"), (False, "off")])
def test_a_guard_may_be_just_on_or_off(value: object, mode: str) -> None:
    assert Guard.model_validate(value) == Guard(mode=GuardMode(mode))


def test_a_guard_that_is_off_still_decides() -> None:
    assert Policy.model_validate({"policy": "p", "guard": False}).sections == {"guard"}


def test_a_guard_never_holds_a_source_to_more_than_what_counts_as_a_jump() -> None:
    assert Guard(least=50.0, requests=50.0).least == 50.0
    with pytest.raises(ValidationError, match="at most the rate from which a jump counts"):
        Guard(least=50.1, requests=50.0)


def test_only_what_a_node_can_take_is_found_out() -> None:
    adaptive = Capacity.model_validate({"concurrency": 64, "node": {"concurrency": "adaptive"}})
    assert adaptive == Capacity(concurrency=64, node=NodeCapacity(concurrency="adaptive"))
    with pytest.raises(ValidationError, match="allowed: a whole number from 1 to 1000000"):
        Capacity.model_validate({"concurrency": "adaptive"})


@pytest.mark.parametrize("key", ["A", "AKRAG", "!-._~", "k" * 128])
def test_an_access_key_is_printable_ascii(key: str) -> None:
    assert Tenant(name="t", access_keys=(key,)).access_keys == (key,)


@pytest.mark.parametrize("key", ["", "a b", "a/b", "a\n", "k" * 129, "schlüssel"])
def test_what_is_no_access_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="an access key of 1 to 128 ASCII characters"):
        Tenant(name="t", access_keys=(key,))


@pytest.mark.parametrize(
    "written, network",
    [
        ("10.8.0.0/16", "10.8.0.0/16"),
        ("10.8.0.0/255.255.0.0", "10.8.0.0/16"),
        ("10.8.1.2/32", "10.8.1.2/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("FD00:0:0::/8", "fd00::/8"),
        ("::ffff:10.8.0.0/112", "10.8.0.0/16"),  # as clients' addresses look on a socket for both
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_kept_in_its_canonical_form(written: str, network: str) -> None:
    assert Tenant(name="t", networks=(written,)).networks == (network,)


@pytest.mark.parametrize("value", ["", "net", "10.8.0.0/33", "10.8/16", "fe80::%eth0/64", "10.8.0.0/16/1", 10, None])
def test_what_is_no_network_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="allowed: a network in CIDR form"):
        Tenant.model_validate({"name": "t", "networks": [value]})


@pytest.mark.parametrize("keys, networks", [(("AK",), ()), ((), ("10.0.0.0/8",))])
def test_a_tenant_is_known_by_a_key_or_by_a_network(keys: tuple[str, ...], networks: tuple[str, ...]) -> None:
    assert Tenant(name="t", access_keys=keys, networks=networks).name == "t"


def test_a_tenant_without_key_and_network_is_refused() -> None:
    with pytest.raises(ValidationError, match="a tenant with access_keys, networks or both"):
        Tenant(name="t")


LIMITS = st.builds(
    ScopedLimits,
    requests=st.builds(RequestRates, all=st.none() | st.floats(0.001, 1e6), list=st.none() | st.floats(0.001, 1e6)),
    bandwidth=st.builds(Bandwidth, sent=st.none() | st.floats(1e3, 2.0**40)),
    concurrency=st.none() | st.integers(1, 1_000_000),
    burst=st.floats(0.01, 60.0),
    per_client=st.none() | st.builds(Limits, connections=st.integers(1, 1_000_000)),
)
POLICIES = st.builds(
    Policy,
    policy=st.just("p"),
    priority=st.sampled_from(Priority),
    weight=st.floats(0.01, 1000.0),
    limits=LIMITS,
    guard=st.builds(Guard, mode=st.sampled_from(GuardMode), factor=st.floats(1.5, 1000.0), hold=st.floats(1.0, 60.0)),
)


@given(POLICIES)
def test_what_protects_the_storage_comes_back_from_json_as_it_was(policy: Policy) -> None:
    again = Policy.model_validate_json(policy.model_dump_json())
    assert again == policy
    assert hash(again) == hash(policy)
