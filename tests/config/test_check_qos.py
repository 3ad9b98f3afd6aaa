"""Faults in what protects the storage, in the words that an operator reads."""

import pytest

from tests.config.test_check import NAME, NODES, faults_of

REQUEST_RATE = "a rate from 1/h to 1000000/s, such as 500/s, 30/m or 1000/h"
BYTE_RATE = "a rate from 1kB/s to 1TiB/s, such as 200MiB/s or 1.5GB/s"
RATE_KEYS = "or a mapping with any of all, read, write, list"
NO_LIMIT = "to take away everything is not a limit"
NETWORK = "a network in CIDR form, such as 10.8.0.0/16 or fd00::/8"


@pytest.mark.parametrize(
    "section, fault",
    [
        ("limits: {requests: 0}", f"limits.requests: found 0; allowed: {REQUEST_RATE}, {RATE_KEYS}; {NO_LIMIT}"),
        ("limits: {requests: {list: 0/m}}", f'limits.requests.list: found "0/m"; allowed: {REQUEST_RATE}; {NO_LIMIT}'),
        (
            "limits: {bandwidth: 0MiB/s}",
            f'limits.bandwidth: found "0MiB/s"; allowed: {BYTE_RATE}, or a mapping with any of received, sent; '
            f"{NO_LIMIT}",
        ),
        ("limits: {concurrency: 0}", "limits.concurrency: found 0; allowed: a whole number from 1 to 1000000"),
        ("limits: {connections: 0}", "limits.connections: found 0; allowed: a whole number from 1 to 1000000"),
        (
            "limits: {per_client: {requests: 5 per second}}",
            f'limits.per_client.requests: found "5 per second"; allowed: {REQUEST_RATE}, {RATE_KEYS}',
        ),
        (
            "limits: {bandwidth: {sent: 200MiB}}",
            f'limits.bandwidth.sent: found "200MiB"; allowed: {BYTE_RATE}; did you mean 200MiB/s?',
        ),
        ("limits: {burst: 2m}", 'limits.burst: found "2m"; allowed: a duration from 10ms to 1m, such as 250ms or 10s'),
        (
            "limits: {per_client: {per_bucket: {}}}",
            "limits.per_client.per_bucket: found an unknown key; allowed: bandwidth, burst, concurrency, connections, "
            "requests",
        ),
        (
            "limits: {per_bucket: {connections: 5}}",
            "limits: found connections per bucket; allowed: connections per client, or of all: one connection may be "
            "for many buckets",
        ),
        ("weight: -1", "weight: found -1; allowed: a number from 0.01 to 1000"),
        ("weight: 0", "weight: found 0; allowed: a number from 0.01 to 1000"),
        (
            "priority: interactiv",
            'priority: found "interactiv"; allowed: interactive, normal, background; did you mean interactive?',
        ),
        (
            "guard: {mode: watch}",
            'guard.mode: found "watch"; allowed: off, observe, enforce',
        ),
        (
            "guard: observe",
            'guard: found "observe"; allowed: true, false, or a mapping with any of mode, factor, baseline, requests, '
            "bandwidth, errors, lists, connections, repeats, hold, least",
        ),
        ("guard: {factor: 1}", "guard.factor: found 1; allowed: a number from 1.5 to 1000"),
        (
            "guard: {least: 60/s}",
            "guard: found least above requests; allowed: a least rate that is at most the rate from which a jump "
            "counts",
        ),
        (
            "match: {classes: [raed]}, weight: 1",
            'match.classes[0]: found "raed"; allowed: read, write, list; did you mean read?',
        ),
        (
            "match: {prefixes: [tmp/*]}, weight: 1",
            'match.prefixes[0]: found "tmp/*"; allowed: how keys begin, such as tmp/, in at most 1024 bytes and '
            "without a * at the end",
        ),
    ],
)
def test_a_fault_in_what_a_policy_allows_is_named(section: str, fault: str) -> None:
    assert faults_of(f"{NODES}policies:\n- {{policy: a, {section}}}") == [f"f:4: policies[0].{fault}"]


def test_the_limits_of_the_whole_edge_are_checked_like_those_of_a_policy() -> None:
    assert faults_of(f"{NODES}limits:\n  requests: {{wirte: 5/s}}\n  concurrency: -1") == [
        "f:4: limits.requests.wirte: found an unknown key; allowed: all, list, read, write; did you mean write?",
        "f:5: limits.concurrency: found -1; allowed: a whole number from 1 to 1000000",
    ]


@pytest.mark.parametrize(
    "capacity, fault",
    [
        ("{concurrency: adaptive}", '.concurrency: found "adaptive"; allowed: a whole number from 1 to 1000000'),
        (
            "{node: {concurrency: adaptiv}}",
            '.node.concurrency: found "adaptiv"; allowed: adaptive, or a whole number from 1 to 1000000',
        ),
        ("{bandwidth: 0}", f".bandwidth: found 0; allowed: {BYTE_RATE}; {NO_LIMIT}"),
        (
            "{bandwidth: 100MB/s, node: {bandwidth: 101MB/s}}",
            '.node.bandwidth: found "101MB/s", which is above the "100MB/s" of clusters[0].capacity.bandwidth (f:2); '
            "allowed: at most what holds for all of it together",
        ),
    ],
)
def test_a_fault_in_a_capacity_is_named(capacity: str, fault: str) -> None:
    text = f"clusters:\n- {{name: a, nodes: [http://a], capacity: {capacity}}}"
    assert faults_of(text) == [f"f:2: clusters[0].capacity{fault}"]


@pytest.mark.parametrize(
    "tenant, fault",
    [
        ("{access_keys: [A]}", ": found no name; allowed: a mapping with name and optionally access_keys, networks"),
        ("{name: a b, access_keys: [A]}", f'.name: found "a b"; allowed: {NAME}'),
        (
            "{name: default, access_keys: [A]}",
            '.name: found "default"; allowed: a name other than default, which those have that are of no tenant',
        ),
        (
            "{name: a}",
            ": found a tenant that nobody can be known as; allowed: a tenant with access_keys, networks or both",
        ),
        (
            "{name: a, access_keys: [A B]}",
            '.access_keys[0]: found "A B"; allowed: an access key of 1 to 128 ASCII characters without / and spaces',
        ),
        ("{name: a, access_keys: A}", '.access_keys: found "A"; allowed: a list, such as [first, second]'),
        ("{name: a, networks: [10.0.0.0/40]}", f'.networks[0]: found "10.0.0.0/40"; allowed: {NETWORK}'),
        (
            "{name: a, networks: [10.8.1.7/16]}",
            f'.networks[0]: found "10.8.1.7/16"; allowed: {NETWORK}, without bits behind the prefix; did you mean '
            "10.8.0.0/16?",
        ),
        (
            "{name: a, networks: [10.8.1.7]}",
            f'.networks[0]: found "10.8.1.7"; allowed: {NETWORK}, without bits behind the prefix; did you mean '
            "10.8.1.7/32?",
        ),
    ],
)
def test_a_fault_of_a_tenant_is_named(tenant: str, fault: str) -> None:
    assert faults_of(f"{NODES}tenants:\n- {tenant}") == [f"f:4: tenants[0]{fault}"]


def test_a_tenant_an_access_key_and_a_network_are_taken_once() -> None:
    text = f"""\
{NODES}tenants:
- {{name: a, access_keys: [A, B], networks: [10.0.0.0/8]}}
- {{name: a, access_keys: [C]}}
- {{name: c, access_keys: [D, B, D], networks: [10.1.0.0/16, 10.0.0.0/255.0.0.0]}}
"""
    assert faults_of(text) == [
        'f:5: tenants[1].name: found "a" a second time, first at f:4; allowed: a name of its own for each tenant',
        'f:6: tenants[2].access_keys[1]: found "B" a second time, first at f:4; allowed: each access key in one '
        "tenant, once",
        'f:6: tenants[2].access_keys[2]: found "D" a second time, first at f:6; allowed: each access key in one '
        "tenant, once",
        'f:6: tenants[2].networks[1]: found "10.0.0.0/255.0.0.0" a second time, first at f:4; allowed: each network '
        "in one tenant, once",
    ]


def test_a_policy_for_a_tenant_that_does_not_exist_is_named() -> None:
    text = f"""\
{NODES}tenants:
- {{name: training, access_keys: [A]}}
policies:
- {{policy: a, match: {{tenants: [default, training]}}, weight: 1}}
- {{policy: b, match: {{tenants: [trainning]}}, weight: 1}}
"""
    assert faults_of(text) == [
        'f:7: policies[1].match.tenants[0]: found "trainning", which is no tenant of this configuration; '
        "allowed: the name of one of the tenants, or default; did you mean training?"
    ]


@pytest.mark.parametrize(
    "match, keys",
    [
        ("{operations: [PutObject], classes: [read, list]}", "operations and classes"),
        ("{operations: [ListBuckets], buckets: ['*']}", "operations and buckets"),
        ("{operations: [ListObjectsV2, HeadBucket], prefixes: [tmp/]}", "operations and prefixes"),
    ],
)
def test_a_policy_that_can_never_match_is_named(match: str, keys: str) -> None:
    assert faults_of(f"{NODES}policies:\n- {{policy: a, match: {match}, weight: 1}}") == [
        f"f:4: policies[0].match: found a match that no request fits; allowed: {keys} of one request"
    ]


def test_a_policy_that_can_never_match_shadows_nothing() -> None:
    policies = """\
- {policy: a, match: {operations: [PutObject], classes: [read]}, weight: 1}
- {policy: b, match: {operations: [PutObject], classes: [read, write]}, weight: 1}
- {policy: c, match: {tenants: [default], operations: [PutObject]}, weight: 2}
"""
    assert faults_of(f"{NODES}policies:\n{policies}") == [
        "f:4: policies[0].match: found a match that no request fits; allowed: operations and classes of one request",
        "f:6: policies[2].policy: found a policy that never decides anything, since b (f:5) matches first; "
        "allowed: policies in the order of their files, narrower matches before wider ones",
    ]
