"""The command line, in this process and as a program."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3edge import __version__
from s3edge.cli import INTERRUPTED, _parser, main

PROGRAM = (sys.executable, "-m", "s3edge")
NODES = "clusters:\n- {name: minio, nodes: ['http://127.0.0.1:{1...2}']}\n"
FREE_PORTS = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")

Captured = pytest.CaptureFixture[str]


def usage_error(argv: list[str], capsys: Captured) -> str:
    """The last line that argparse prints about wrong usage."""
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


def test_the_version_is_printed(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert (exit_.value.code, capsys.readouterr().out) == (0, f"s3edge {__version__}\n")


def test_help_names_the_commands(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    assert re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE) == [
        "serve",
        "check",
        "explain",
        "demo",
        "top",
    ]


def test_help_of_serve_names_its_flags_and_defaults(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    flags = [
        "--config",
        "--listen",
        "--admin",
        "--node",
        "--health-path",
        "--workers",
        "--tls-certificate",
        "--tls-key",
    ]
    assert re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE) == flags
    assert "127.0.0.1:9000" in text
    assert "127.0.0.1:9090" in text


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "s3edge: error: the following arguments are required: COMMAND"),
        (
            ["serve"],
            "s3edge serve: error: name the nodes with --node URL, or a configuration file with --config FILE",
        ),
        (
            ["serve", "--config", "f", "--node", "http://a"],
            "s3edge serve: error: --node and --health-path cannot be combined with --config: "
            "list the nodes in that file",
        ),
        (
            ["serve", "--config", "f", "--health-path", "/x"],
            "s3edge serve: error: --node and --health-path cannot be combined with --config: "
            "list the nodes in that file",
        ),
        (
            ["serve", "--node", "http://a", "--tls-key", "k"],
            "s3edge serve: error: --tls-certificate and --tls-key go together",
        ),
        (["serve", "--nod", "http://a"], "s3edge: error: unrecognized arguments: --nod http://a"),
        (["check"], "s3edge check: error: the following arguments are required: FILE"),
        (["explain", "f"], "s3edge explain: error: the following arguments are required: --operation"),
        (
            ["explain", "f", "--operation", "getobjct"],
            "s3edge explain: error: argument --operation: found 'getobjct'; allowed: the name of an S3 operation; "
            "did you mean one of GetObject, GetObjectAcl, PutObject?",
        ),
        (
            ["explain", "f", "--operation", "xyz"],
            "s3edge explain: error: argument --operation: found 'xyz'; allowed: the name of an S3 operation, "
            "such as GetObject or PutObject",
        ),
        (
            ["explain", "f", "--operation", "GetObject", "--key", "k"],
            "s3edge explain: error: --key goes together with --bucket",
        ),
        (
            ["explain", "f", "--operation", "GetObject", "--address", "10.0.0.1:80"],
            "s3edge explain: error: argument --address: found '10.0.0.1:80'; allowed: an IP address without a port, "
            "such as 10.8.1.2 or fd00::7",
        ),
        (
            ["demo", "--seconds", "soon"],
            "s3edge demo: error: argument --seconds: found 'soon'; allowed: a duration from 1ms to 24h, "
            "such as 250ms, 10s, 2m or 1h",
        ),
        (
            ["demo", "--listen", "here"],
            "s3edge demo: error: argument --listen: found 'here'; allowed: HOST:PORT with a port from 0 to 65535, "
            "such as 127.0.0.1:9000, [::1]:9000 or :9000",
        ),
        (
            ["top", "--admin", "9090"],
            "s3edge top: error: argument --admin: found '9090'; allowed: HOST:PORT with a port from 0 to 65535, "
            "such as 127.0.0.1:9000, [::1]:9000 or :9000",
        ),
        (
            ["top", "--admin", "http://edge:9090/metrics"],
            "s3edge top: error: argument --admin: found 'http://edge:9090/metrics'; allowed: http://HOST[:PORT] or "
            "https://HOST[:PORT], such as http://minio1:9000",
        ),
        (["top", "--token", "secret"], "s3edge: error: unrecognized arguments: --token secret"),
    ],
)
def test_wrong_usage_is_told_and_exits_2(argv: list[str], message: str, capsys: Captured) -> None:
    assert usage_error(argv, capsys) == message


def test_an_unknown_command_is_wrong_usage(capsys: Captured) -> None:
    assert usage_error(["tap"], capsys).startswith("s3edge: error: argument COMMAND: invalid choice: 'tap'")


def test_serve_prints_all_faults_of_its_flags(capsys: Captured) -> None:
    assert main(["serve", "--node", "minio1:9000", "--workers", "0", "--listen", "x"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sorted(line.partition(":")[0] for line in captured.err.splitlines()) == ["--listen", "--node", "--workers"]


def test_serve_prints_all_faults_of_its_file(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text("workers: many\nlisten: {address: x}\n" + NODES)
    assert main(["serve", "--config", str(file), "--admin", "y"]) == 1
    assert [line.partition(": found")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{file}:1: workers",
        f"{file}:2: listen.address",
        "--admin",
    ]


def test_a_certificate_of_the_command_line_is_looked_for_here_not_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "s3edge.yaml").write_text(NODES)
    monkeypatch.chdir(tmp_path)
    argv = ["serve", "--config", "conf/s3edge.yaml", "--tls-certificate", "edge.pem", "--tls-key", "edge.key"]
    assert main(argv) == 1
    assert f'--tls-certificate: found "{tmp_path}/edge.pem", which cannot be read' in capsys.readouterr().err


def test_check_counts_what_it_found_right(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "one.yaml").write_text("clusters: [{name: a, nodes: [http://a]}]")
    (tmp_path / "two.yaml").write_text(
        "clusters: [{name: a, nodes: ['http://a{1...3}']}, {name: b, nodes: [http://b]}]\npolicies: [p*.yaml]"
    )
    (tmp_path / "p.yaml").write_text("policy: p\nroute: [b]\n")
    assert main(["check", str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"{tmp_path}/one.yaml: ok, 1 cluster, 1 node, 0 policies",
        f"{tmp_path}/two.yaml: ok, 2 clusters, 4 nodes, 1 policy",
    ]
    assert captured.err == ""


def test_check_prints_the_faults_of_all_files_and_goes_on(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "bad.yaml").write_text(NODES + "drain: x\nworkers: x\n")
    (tmp_path / "good.yaml").write_text(NODES)
    assert main(["check", *(str(tmp_path / name) for name in ("bad.yaml", "none.yaml", "good.yaml"))]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path}/good.yaml: ok, 1 cluster, 2 nodes, 0 policies\n"
    assert [line.partition(" found")[0] for line in captured.err.splitlines()] == [
        f"{tmp_path}/bad.yaml:3: drain:",
        f"{tmp_path}/bad.yaml:4: workers:",
        f"{tmp_path}/none.yaml:",
    ]


def test_explain_says_whose_a_request_is_and_which_policy_decides(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(NODES + "tenants: [{name: rag, networks: [10.8.0.0/16]}]\npolicies: [p*.yaml]\n")
    (tmp_path / "p.yaml").write_text("policy: p\nmatch: {tenants: [rag], prefixes: [tmp/]}\nweight: 3\n")
    argv = ["explain", str(file), "--operation", "GetObject", "--bucket", "b", "--key", "tmp/x"]
    assert main([*argv, "--address", "10.8.1.2"]) == 0
    inside = capsys.readouterr().out
    assert main(argv) == 0
    outside = capsys.readouterr().out
    assert re.findall(r"^tenant +(\w+):", inside + outside, re.MULTILINE) == ["rag", "default"]
    assert re.findall(r"^ +weight +(\S+) +(\S+)", inside + outside, re.MULTILINE) == [("3", "p"), ("1", "(default)")]


def test_explain_prints_the_faults_of_its_file(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(NODES + "drain: x\n")
    assert main(["explain", str(file), "--operation", "GetObject"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{file}:3: drain: found")


def test_demo_takes_its_addresses_from_its_flags(capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["demo", "--listen", address, "--admin", "127.0.0.1:0", "--seconds", "1"]) == 1
    assert capsys.readouterr().err.startswith(f"s3edge: cannot listen on {address}: ")


@pytest.mark.parametrize(
    "given, url",
    [
        (None, "http://127.0.0.1:9090"),
        ("edge1:9090", "http://edge1:9090"),
        (":9090", "http://127.0.0.1:9090"),
        ("0.0.0.0:9090", "http://127.0.0.1:9090"),
        ("[::]:9090", "http://[::1]:9090"),
        ("https://edge.example.com", "https://edge.example.com:443"),
    ],
)
def test_top_looks_at_the_address_that_serve_was_given_or_at_a_url(given: str | None, url: str) -> None:
    argv = ["top"] if given is None else ["top", "--admin", given]
    assert str(_parser().parse_args(argv).admin) == url


@contextmanager
def running(*argv: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The program with these arguments, ended with the block."""
    with subprocess.Popen(
        (*PROGRAM, *argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.wire
def test_as_a_program_check_fills_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(NODES + "drain: ${DRAIN}\n")
    with running("check", str(file), DRAIN="5s") as right, running("check", str(file), DRAIN="hunter2") as wrong:
        assert right.communicate() == (f"{file}: ok, 1 cluster, 2 nodes, 0 policies\n", "")
        assert right.returncode == 0
        allowed = "a duration from 0s to 24h, such as 250ms, 10s, 2m or 1h"
        assert wrong.communicate() == ("", f'{file}:3: drain: found the value of "${{DRAIN}}"; allowed: {allowed}\n')
        assert wrong.returncode == 1


@pytest.mark.wire
def test_as_a_program_serve_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(NODES + "workers: 7\n")
    with running("serve", "--config", str(file), *FREE_PORTS, "--workers", "1") as process:
        assert process.stderr is not None
        log = ""
        while "takes connections" not in log:
            line = process.stderr.readline()
            assert line, log
            log += line
        assert "workers: 1" in log
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == 0


@pytest.mark.wire
def test_as_a_program_serve_names_a_port_in_use_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        flags = ("--node", "http://127.0.0.1:1", "--listen", address, "--admin", "127.0.0.1:0")
        with running("serve", *flags) as process:
            out, err = process.communicate()
    assert (out, process.returncode) == ("", 1)
    [line] = err.splitlines()
    assert line.startswith(f"s3edge: cannot listen on {address}: ")


@pytest.mark.wire
def test_as_a_program_serve_refuses_an_admin_address_that_others_reach_without_a_token(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(NODES + "admin:\n  address: 0.0.0.0:0\n")
    flags = ("--node", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin", ":0")
    for argv, place in (
        (("check", str(file)), f'{file}:4: admin.address: found "0.0.0.0:0"'),
        (("serve", "--config", str(file)), f'{file}:4: admin.address: found "0.0.0.0:0"'),
        (("serve", *flags), '--admin: found ":0"'),
    ):
        with running(*argv, S3EDGE_ADMIN_TOKEN="") as process:
            out, err = process.communicate()
        assert (out, process.returncode) == ("", 1)
        assert err == (
            f"{place}, which other machines may reach, and no token; allowed: an address of loopback, such as "
            "127.0.0.1:9090; any other with admin.token or the environment variable S3EDGE_ADMIN_TOKEN\n"
        )
    with running("check", str(file), S3EDGE_ADMIN_TOKEN="0123456789abcdef") as process:
        assert process.communicate() == (f"{file}: ok, 1 cluster, 2 nodes, 0 policies\n", "")


@pytest.mark.wire
def test_as_a_program_an_interrupt_ends_it_without_a_traceback(tmp_path: Path) -> None:
    pipe = tmp_path / "s3edge.yaml"
    os.mkfifo(pipe)
    # The pipe opens once the program reads it, which then waits for what we do not write.
    with running("check", str(pipe)) as process, pipe.open("w"):
        process.send_signal(signal.SIGINT)
        assert process.communicate() == ("", "")
    assert process.returncode == INTERRUPTED
