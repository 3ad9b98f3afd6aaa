"""Every kind of fault, in the words that an operator reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.check import check
from s3edge.config.expansion import expand_nodes
from s3edge.config.model import Config
from s3edge.config.reading import read_document

NODES = "clusters:\n- {name: minio, nodes: ['http://minio1:9000']}\n"
URL = "http://HOST[:PORT] or https://HOST[:PORT], such as http://minio1:9000"
NAME = "a name of 1 to 64 letters, digits, dots, dashes and underscores that begins with a letter or digit"


def faults_of(text: str) -> list[str]:
    document = read_document(text, "f", {"SECRET": "hunter2", "URL": "http://minio1:9000"})
    expand_nodes(document)
    return [str(fault) for fault in check(document, Path("/conf"))]


def test_a_right_configuration_has_no_fault() -> None:
    assert faults_of(NODES) == []


@pytest.mark.parametrize(
    "line, fault",
    [
        (
            "listn: {}",
            "listn: found an unknown key; allowed: access_log, admin, clusters, drain, limits, listen, log, policies, "
            "tenants, tracing, workers, zone; did you mean listen?",
        ),
        (
            "zebra: {}",
            "zebra: found an unknown key; allowed: access_log, admin, clusters, drain, limits, listen, log, policies, "
            "tenants, tracing, workers, zone",
        ),
        (
            "admin: {adress: x}",
            "admin.adress: found an unknown key; allowed: address, hosts, protect, token; did you mean address?",
        ),
        (
            "listen: 9000",
            "listen: found 9000; allowed: a mapping with any of address, tls, hosts, head_limit, head_timeout, "
            "idle_timeout, trace",
        ),
        ("listen: {trace: yes}", 'listen.trace: found "yes"; allowed: true or false'),
        ("zone: a b", f'zone: found "a b"; allowed: {NAME}'),
        ("admin:", "admin: found nothing; allowed: a mapping with any of address, token, protect, hosts"),
        ("admin: []", "admin: found a list; allowed: a mapping with any of address, token, protect, hosts"),
        (
            "listen: {address: here}",
            'listen.address: found "here"; allowed: HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:9000, '
            "[::1]:9000 or :9000; did you mean here:9000?",
        ),
        ("listen: {tls: {key: x}}", "listen.tls: found no certificate; allowed: a mapping with certificate, key"),
        (
            "listen: {tls: {certificate: [], key: x}}",
            "listen.tls.certificate: found a list; allowed: the path of a file, relative to the folder of the "
            "configuration file",
        ),
        ("listen: {hosts: a.example}", 'listen.hosts: found "a.example"; allowed: a list, such as [first, second]'),
        (
            "listen: {hosts: [10.0.0.1]}",
            'listen.hosts[0]: found "10.0.0.1"; allowed: a DNS name without scheme and port, such as s3.example.com',
        ),
        (
            "listen: {head_limit: 2MiB}",
            'listen.head_limit: found "2MiB"; allowed: a size from 4KiB to 1MiB, such as 64KiB, 1MiB or 10MB',
        ),
        (
            "drain: forever",
            'drain: found "forever"; allowed: a duration from 0s to 24h, such as 250ms, 10s, 2m or 1h',
        ),
        ("drain: true", "drain: found true; allowed: a duration from 0s to 24h, such as 250ms, 10s, 2m or 1h"),
        ("workers: 0", "workers: found 0; allowed: auto, or a whole number from 1 to 512"),
        (
            "drain: '${SECRET}'",
            'drain: found the value of "${SECRET}"; allowed: a duration from 0s to 24h, such as 250ms, 10s, 2m or 1h',
        ),
        (
            "listen: {address: ':9090'}",
            'listen.address: found ":9090", which overlaps with admin.address; allowed: different ports, or '
            "different hosts",
        ),
        (
            "admin: {address: '127.0.0.1:9000'}",
            'admin.address: found "127.0.0.1:9000", which overlaps with listen.address; allowed: different ports, or '
            "different hosts",
        ),
    ],
)
def test_a_fault_outside_of_the_clusters_is_named(line: str, fault: str) -> None:
    assert faults_of(NODES + line) == [f"f:3: {fault}"]


@pytest.mark.parametrize(
    "entry, fault",
    [
        (
            "nodes: [http://a]",
            ": found no name; allowed: a mapping with name, nodes and optionally health, ejection, tls, connections, "
            "capacity",
        ),
        (
            "name: a",
            ": found no nodes; allowed: a mapping with name, nodes and optionally health, ejection, tls, connections, "
            "capacity",
        ),
        ("{name: a, nodes: []}", ".nodes: found an empty list; allowed: a list with at least one entry"),
        ("{name: a, nodes: http://a}", '.nodes: found "http://a"; allowed: a list, such as [first, second]'),
        ("{name: a b, nodes: [http://a]}", f'.name: found "a b"; allowed: {NAME}'),
        (
            "{name: a, nodes: [a]}",
            f'.nodes[0]: found "a"; allowed: {URL}; begin it with http:// or https://',
        ),
        ("{name: a, nodes: [null]}", f".nodes[0]: found nothing; allowed: {URL}"),
        (
            "{name: a, nodes: ['http://u:p@a']}",
            f".nodes[0]: found a URL with a user name; allowed: {URL}; clients bring their own credentials",
        ),
        ("{name: a, nodes: ['${SECRET}']}", f'.nodes[0]: found the value of "${{SECRET}}"; allowed: {URL}'),
        (
            "{name: a, nodes: [{weight: 1}]}",
            ".nodes[0]: found no url; allowed: a mapping with url and optionally weight, zone, tier",
        ),
        (
            "{name: a, nodes: [{url: http://a, weight: 0}]}",
            ".nodes[0].weight: found 0; allowed: a whole number from 1 to 256",
        ),
        (
            "{name: a, nodes: [http://a], health: {intervall: 1s}}",
            ".health.intervall: found an unknown key; allowed: deep, fall, interval, path, preset, rise, slow_start, "
            "timeout, when_none_is_up; did you mean interval?",
        ),
        (
            "{name: a, nodes: [http://a], health: {preset: mnio}}",
            '.health.preset: found "mnio"; allowed: minio, ceph, objectscale, scality, s3, http, tcp; did you '
            "mean minio?",
        ),
        (
            "{name: a, nodes: [http://a], health: {path: /x}}",
            ".health: found a path with preset s3; allowed: a path with preset http only",
        ),
        (
            "{name: a, nodes: [http://a], health: {preset: http}}",
            ".health: found preset http without a path; allowed: preset http with the path to ask for, such as "
            "/healthz",
        ),
        (
            "{name: a, nodes: [http://a], connections: {idle: -1}}",
            ".connections.idle: found -1; allowed: a whole number from 0 to 65535",
        ),
        (
            "minio",
            ': found "minio"; allowed: a mapping with name, nodes and optionally health, ejection, tls, connections, '
            "capacity",
        ),
    ],
)
def test_a_fault_of_a_cluster_is_named(entry: str, fault: str) -> None:
    assert faults_of(f"clusters:\n- {entry}") == [f"f:2: clusters[0]{fault}"]


@pytest.mark.parametrize(
    "text, fault",
    [
        (
            "",
            "f:1: found no clusters; allowed: a mapping with clusters and optionally listen, admin, log, access_log, "
            "tracing, "
            "workers, drain, zone, tenants, limits, policies",
        ),
        ("clusters: []", "f:1: clusters: found an empty list; allowed: a list with at least one entry"),
        (
            "- a",
            "f:1: found a list; allowed: a mapping with clusters and optionally listen, admin, log, access_log, "
            "tracing, workers, drain, zone, tenants, limits, policies",
        ),
        (
            "clusters: [",
            "f:1: found text that is no YAML (while parsing a flow node expected the node content, but found "
            "'<stream end>'); allowed: a YAML mapping",
        ),
    ],
)
def test_a_document_without_clusters_has_one_fault(text: str, fault: str) -> None:
    assert faults_of(text) == [fault]


def test_a_name_is_taken_once() -> None:
    text = """\
clusters:
- {name: a, nodes: [http://minio1:9000, http://MINIO1:9000]}
- {name: a, nodes: ["https://b", "http://c{1...2}", {url: "http://b:443"}, "${URL}"]}
"""
    assert faults_of(text) == [
        'f:3: clusters[1].name: found "a" a second time, first at f:2; allowed: a name of its own for each cluster',
        'f:2: clusters[0].nodes[1]: found "http://MINIO1:9000" a second time, first at f:2; '
        "allowed: each host and port once in all clusters",
        'f:3: clusters[1].nodes[2].url: found "http://b:443" a second time, first at f:3; '
        "allowed: each host and port once in all clusters",
        'f:3: clusters[1].nodes[3]: found the value of "${URL}" a second time, first at f:2; '
        "allowed: each host and port once in all clusters",
    ]


# In a file these come from policy files, which `load` puts in place of their globs.
@pytest.mark.parametrize(
    "policies, fault",
    [
        (
            "- {policy: a, route: [mino]}",
            'f:4: policies[0].route[0]: found "mino", which is no cluster of this configuration; allowed: minio; '
            "did you mean minio?",
        ),
        (
            "- {policy: a, route: [minio, minio]}",
            'f:4: policies[0].route[1]: found "minio" a second time, first at f:4; allowed: each cluster once',
        ),
        (
            "- {policy: a, route: []}",
            "f:4: policies[0].route: found an empty list; allowed: a list with at least one entry",
        ),
        (
            "- {policy: a, match: {operations: [GetObjet]}, balance: round_robin}",
            'f:4: policies[0].match.operations[0]: found "GetObjet"; allowed: the name of an S3 operation, such as '
            "GetObject or PutObject; did you mean GetObject?",
        ),
        (
            "- {policy: a, match: {buckets: [a/b]}, balance: round_robin}",
            'f:4: policies[0].match.buckets[0]: found "a/b"; allowed: a bucket name in which * and ? stand for any '
            "characters, such as datasets-*",
        ),
        (
            "- {policy: a, match: {bucket: [a]}, balance: round_robin}",
            "f:4: policies[0].match.bucket: found an unknown key; allowed: buckets, classes, operations, prefixes, "
            "tenants; did you mean buckets?",
        ),
        (
            "- {policy: a, balance: robin}",
            'f:4: policies[0].balance: found "robin"; allowed: least_inflight, peak_ewma, round_robin, '
            "consistent_hash; did you mean round_robin?",
        ),
        (
            "- {policy: a}",
            "f:4: policies[0]: found a policy that decides nothing; allowed: a policy with at least one of "
            "route, priority, weight, limits, guard, balance, failover, hedge, resume, queue",
        ),
        (
            "- {balance: round_robin}",
            "f:4: policies[0]: found no policy; allowed: a mapping with policy and optionally match, route, "
            "priority, weight, limits, guard, balance, failover, hedge, resume, queue",
        ),
        (
            "- {policy: a, match: {buckets: [x]}, route: [minio]}\n- {policy: a, match: {buckets: [y]}, route: "
            "[minio]}",
            'f:5: policies[1].policy: found "a" a second time, first at f:4; allowed: a name of its own for '
            "each policy",
        ),
        (
            "- {policy: a, route: [minio]}\n- {policy: b, match: {buckets: [y]}, route: [minio]}",
            "f:5: policies[1].policy: found a policy that never decides anything, since a (f:4) matches first; "
            "allowed: policies in the order of their files, narrower matches before wider ones",
        ),
    ],
)
def test_a_fault_of_a_policy_is_named(policies: str, fault: str) -> None:
    assert faults_of(f"{NODES}policies:\n{policies}") == [fault]


def test_a_fault_hides_no_other() -> None:
    text = """\
listen: {address: ":9090", head_limit: 1}
drain: ${UNSET}
clusters:
- {name: a, nodes: [x, "http://b{1..2}", http://c], health: {rise: 0}}
- {name: a, nodes: [http://c]}
policies: [{policy: p, route: [b], balance: x}]
"""
    assert [fault.split(":")[2].strip() for fault in faults_of(text)] == [
        "drain",
        "clusters[0].nodes[1]",
        "listen.head_limit",
        "clusters[0].nodes[0]",
        "clusters[0].health.rise",
        "policies[0].balance",
        "clusters[1].name",
        "clusters[1].nodes[0]",
        "policies[0].route[0]",
        "listen.address",
    ]


def test_no_value_of_the_environment_is_printed() -> None:
    text = """\
listen: {address: "${SECRET}", tls: "${SECRET}", hosts: ["${SECRET}!"], head_limit: "${SECRET}"}
admin: "${SECRET}"
workers: "${SECRET}"
clusters:
- name: "${SECRET} "
  nodes: ["${SECRET}", "x{${SECRET}}", {url: "${SECRET}", weight: "${SECRET}"}]
  health:
    preset: "${SECRET}"
    deep: {bucket: "${SECRET}/", access_key: "", secret_key: "${SECRET}", region: "${SECRET}/"}
  ejection: {at_most: "${SECRET}", failures: "${SECRET}"}
  capacity: {concurrency: "${SECRET}", node: {bandwidth: "${SECRET}"}}
tenants:
- {name: "${SECRET} ", access_keys: ["${SECRET}", "${SECRET}"], networks: ["${SECRET}"]}
limits: {requests: "${SECRET}", bandwidth: "${SECRET}"}
policies:
- {policy: p, match: {operations: ["${SECRET}"], buckets: ["/${SECRET}"]}, route: ["${SECRET}"], balance: "${SECRET}"}
- {policy: q, hedge: "${SECRET}", match: {tenants: ["${SECRET}s"], prefixes: ["${SECRET}*"]}, guard: "${SECRET}"}
"""
    faults = faults_of(text)
    assert len(faults) == 32
    assert "hunter2" not in "\n".join(faults)


KEYS = [
    "listen",
    "admin",
    "workers",
    "drain",
    "clusters",
    "tenants",
    "access_keys",
    "networks",
    "limits",
    "per_client",
    "requests",
    "capacity",
    "policies",
    "name",
    "nodes",
    "health",
    "tls",
    "url",
    "match",
    "route",
]
ANY_DATA = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.text("ab:/{.}1$", max_size=6), st.sampled_from(["http://a"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS), ANY_DATA))
def test_any_document_is_used_or_has_a_fault(data: dict[str, object]) -> None:
    document = read_document("", "f", {})
    document.data = data
    expand_nodes(document)
    faults = check(document, Path("/conf"))
    if not faults:
        Config.model_validate(document.data)
    assert all(str(fault).isprintable() for fault in faults)
