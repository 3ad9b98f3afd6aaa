"""Configurations on the disk, and flags over them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from s3edge.config.address import Address
from s3edge.config.fault import Faults
from s3edge.config.flags import Flags
from s3edge.config.health import Preset
from s3edge.config.load import NO_FLAGS, load
from s3edge.config.model import Config

NODES = "clusters:\n- {name: minio, nodes: ['http://minio{1...2}:9000']}\n"


def write(folder: Path, **files: str) -> Path:
    """Write YAML files, in whose names `__` stands for `/`; the path of the first, the configuration."""
    paths = []
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        paths.append(path)
    return paths[0]


def faults_of(path: Path | None, environment: Mapping[str, str] | None = None, flags: Flags = NO_FLAGS) -> list[str]:
    """The faults, with `.` for the folder of the configuration."""
    with pytest.raises(Faults) as caught:
        load(path, environment or {}, flags)
    return [str(fault).replace(str(path and path.parent), ".") for fault in caught.value.faults]


def test_a_file_its_policies_and_the_environment_make_one_configuration(tmp_path: Path) -> None:
    (tmp_path / "edge.pem").touch()
    path = write(
        tmp_path,
        s3edge=NODES + "listen: {tls: {certificate: edge.pem, key: '${KEY}'}}\nworkers: ${WORKERS}\n"
        "policies: [policies/z*.yaml, policies/*.yaml]\n",
        policies__b="policy: b\nmatch: {operations: [GetObject]}\nroute: [minio]\n",
        policies__a="policy: a\nmatch: {operations: [PutObject]}\nroute: [minio]\n",
        policies__z="policy: z\nbalance: round_robin\n",
    )
    config = load(path, {"KEY": str(tmp_path / "edge.pem"), "WORKERS": "3"})
    assert [node.name for node in config.clusters[0].nodes] == ["minio1:9000", "minio2:9000"]
    assert [policy.name for policy in config.policies] == ["z", "a", "b"]
    assert config.workers == 3
    assert config.listen.tls is not None
    assert config.listen.tls.certificate == config.listen.tls.key == tmp_path / "edge.pem"
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_paths_in_a_file_do_not_depend_on_where_s3edge_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path, s3edge="clusters:\n- {name: a, nodes: [https://a], tls: {ca: ca.pem}}\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(Path("../s3edge.yaml"), {})
    assert config.clusters[0].tls.ca is not None
    assert config.clusters[0].tls.ca.is_absolute()
    assert config.clusters[0].tls.ca.samefile(tmp_path / "ca.pem")


def test_faults_of_all_files_come_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        s3edge="workers: x\n" + NODES + "drain: x\npolicies: [policies/*.yaml]\n",
        policies__b="policy: b\nroute: [nowhere]\n",
        policies__a="policy: a\nbalance: x\nmatch: {operations: 1}\n",
    )
    assert [fault.partition(": found")[0] for fault in faults_of(path)] == [
        "./s3edge.yaml:1: workers",
        "./s3edge.yaml:4: drain",
        "./policies/a.yaml:2: balance",
        "./policies/a.yaml:3: match.operations",
        "./policies/b.yaml:2: route[0]",
    ]


@pytest.mark.parametrize(
    "line, fault",
    [
        (
            "policies: [none/*.yaml]",
            'policies[0]: found "none/*.yaml", which names no file; allowed: the path of policy files, such as '
            "policies/*.yaml",
        ),
        (
            "policies: [{policy: a}]",
            "policies[0]: found a mapping, which names no file; allowed: the path of policy files, such as "
            "policies/*.yaml",
        ),
        ("policies: p.yaml", 'policies: found "p.yaml"; allowed: a list, such as [first, second]'),
        (
            "policies: ['${UNSET}']",
            "policies[0]: found ${UNSET}, which is not set; allowed: a variable of the environment; set UNSET",
        ),
        (
            "listen: {tls: {certificate: a.pem, key: s3edge.yaml}}",
            'listen.tls.certificate: found "a.pem", which cannot be read (No such file or directory); '
            "allowed: a PEM file that this user can read; looked for ./a.pem",
        ),
        (
            "listen: {tls: {certificate: s3edge.yaml, key: .}}",
            'listen.tls.key: found ".", which cannot be read (Is a directory); '
            "allowed: a PEM file that this user can read; looked for .",
        ),
        (
            "listen: {tls: {certificate: s3edge.yaml, key: '${SECRET}'}}",
            'listen.tls.key: found the value of "${SECRET}", which cannot be read (No such file or directory); '
            "allowed: a PEM file that this user can read",
        ),
        (
            "access_log: {to: .}",
            'access_log.to: found ".", which cannot be written (it is a folder); '
            "allowed: none, stdout, or the path of a file that this user can write; meant .",
        ),
        (
            "access_log: {to: log/access.log}",
            'access_log.to: found "log/access.log", which cannot be written (there is no folder ./log); '
            "allowed: none, stdout, or the path of a file that this user can write; meant ./log/access.log",
        ),
    ],
)
def test_what_a_file_names_must_be_there(tmp_path: Path, line: str, fault: str) -> None:
    path = write(tmp_path, s3edge=NODES + line)
    assert faults_of(path, {"SECRET": "hunter2"}) == [f"./s3edge.yaml:3: {fault}"]


def test_to_check_an_access_log_leaves_the_disk_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, s3edge=NODES + "access_log: {to: new.log}\n", more=NODES + "access_log: {to: old.log}\n")
    (tmp_path / "old.log").write_text("as it was\n")
    assert load(path, {}).access_log.to == tmp_path / "new.log"
    assert load(tmp_path / "more.yaml", {}).access_log.to == tmp_path / "old.log"
    assert not (tmp_path / "new.log").exists()
    assert (tmp_path / "old.log").read_text() == "as it was\n"


def test_a_missing_ca_is_named_at_its_cluster(tmp_path: Path) -> None:
    path = write(tmp_path, s3edge="clusters:\n- name: a\n  nodes: [http://a]\n  tls: {ca: ca.pem}\n")
    [fault] = faults_of(path)
    assert fault.startswith('./s3edge.yaml:4: clusters[0].tls.ca: found "ca.pem", which cannot be read')


def test_a_policy_file_with_faults_of_form_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, s3edge=NODES + "policies: [p/*.yaml]\n", p__a="", p__b="policy: [", p__c="policy: ${UNSET}")
    assert faults_of(path) == [
        "./p/a.yaml:1: found nothing; allowed: a mapping with policy and optionally match, route, priority, weight, "
        "limits, guard, balance, failover, hedge, resume, queue",
        "./p/b.yaml:1: found text that is no YAML (while parsing a flow node expected the node content, but found "
        "'<stream end>'); allowed: a YAML mapping",
        "./p/c.yaml:1: policy: found ${UNSET}, which is not set; allowed: a variable of the environment; set UNSET",
    ]


def test_hidden_files_and_folders_are_no_policies(tmp_path: Path) -> None:
    path = write(tmp_path, s3edge=NODES + "policies: [p/*]\n", p__a="policy: a\nroute: [minio]")
    (tmp_path / "p" / ".a.yaml.swp").write_bytes(b"\0")
    (tmp_path / "p" / "folder").mkdir()
    assert [policy.name for policy in load(path, {}).policies] == ["a"]


def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "s3edge.yaml") == [
        "./s3edge.yaml: found a file that cannot be read (No such file or directory); "
        "allowed: a YAML file that this user can read"
    ]


def test_a_file_that_is_no_text_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "s3edge.yaml"
    path.write_bytes(b"a: \xff")
    assert faults_of(path) == [
        "./s3edge.yaml: found text that is no UTF-8 (byte 3 of the file); allowed: a YAML file in UTF-8"
    ]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "s3edge.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + NODES.encode())
    assert len(load(path, {}).clusters) == 1


def test_flags_alone_make_a_configuration() -> None:
    flags = Flags(
        listen=":8080", admin="[::1]:9090", workers="2", nodes=("http://a{1...2}", "https://b"), health_path="/ok"
    )
    config = load(None, {}, flags)
    assert (config.listen.address, config.admin.address) == (Address("0.0.0.0", 8080), Address("::1", 9090))
    assert config.workers == 2
    [cluster] = config.clusters
    assert (cluster.name, [node.name for node in cluster.nodes]) == ("default", ["a1:80", "a2:80", "b:443"])
    assert (cluster.health.preset, cluster.health.path) == (Preset.HTTP, "/ok")


def test_nodes_given_by_flags_are_probed_by_any_s3_answer() -> None:
    [cluster] = load(None, {}, Flags(nodes=("http://a",))).clusters
    assert cluster.health.preset is Preset.S3


def test_flags_override_the_file_and_its_faults(tmp_path: Path) -> None:
    path = write(tmp_path, s3edge=NODES + "listen: {address: x, idle_timeout: 9s}\nworkers: many\n")
    config = load(path, {}, Flags(listen="127.0.0.1:1", workers="auto"))
    assert (config.listen.address.port, config.listen.idle_timeout, config.workers) == (1, 9, "auto")


def test_faults_of_flags_are_named_by_their_flag() -> None:
    flags = Flags(
        listen="x",
        admin="localhost:1e3",
        workers="many",
        nodes=("http://a", "minio1:9000", "http://b{1..2}", "http://a:80"),
        health_path="ok",
        tls_certificate="/nowhere/a.pem",
        tls_key="/nowhere/a.key",
    )
    address = "HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:9000, [::1]:9000 or :9000"
    assert sorted(faults_of(None, flags=flags)) == [
        f'--admin: found "localhost:1e3"; allowed: {address}',
        '--health-path: found "ok"; allowed: a path that begins with / and has no spaces, such as /healthz',
        f'--listen: found "x"; allowed: {address}; did you mean x:9000?',
        '--node: found "http://a:80" a second time, first at --node; allowed: each host and port once in all clusters',
        '--node: found "http://b{1..2}"; allowed: a range of rising numbers such as {1...4}, for at most 1024 nodes; '
        "did you mean {1...2}?",
        '--node: found "minio1:9000"; allowed: http://HOST[:PORT] or https://HOST[:PORT], such as http://minio1:9000; '
        "begin it with http:// or https://",
        '--tls-certificate: found "/nowhere/a.pem", which cannot be read (No such file or directory); '
        "allowed: a PEM file that this user can read; looked for /nowhere/a.pem",
        '--tls-key: found "/nowhere/a.key", which cannot be read (No such file or directory); '
        "allowed: a PEM file that this user can read; looked for /nowhere/a.key",
        '--workers: found "many"; allowed: auto, or a whole number from 1 to 512',
    ]
