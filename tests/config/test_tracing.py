"""Where spans may be sent, and what happens where OpenTelemetry is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from s3edge.config.fault import Faults, Refused
from s3edge.config.load import load
from s3edge.config.tracing import Tracing, parse_endpoint

CONFIG = "clusters: [{name: c, nodes: [http://n]}]\ntracing: {endpoint: %s}\n"
# What an interpreter finds where the extra is not installed: nothing of that name.
WITHOUT = "import sys; sys.modules['opentelemetry'] = None; from s3edge.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize(
    "written, endpoint",
    [
        ("http://collector:4318", "http://collector:4318"),
        ("http://collector:4318/", "http://collector:4318"),
        ("https://Collector.Example", "https://collector.example:443"),
        ("http://collector", "http://collector:80"),
        ("http://[::1]:4318", "http://[::1]:4318"),
        ("https://api.example.com/otlp/v1", "https://api.example.com:443/otlp/v1"),
        ("https://api.example.com/otlp/", "https://api.example.com:443/otlp"),
    ],
)
def test_an_endpoint_is_a_base_url_and_survives_another_reading(written: str, endpoint: str) -> None:
    assert parse_endpoint(written) == endpoint
    assert parse_endpoint(endpoint) == endpoint


@pytest.mark.parametrize(
    "written, hint",
    [
        (4318, ""),
        ("", "begin it with http:// or https://"),
        ("collector:4318", "begin it with http:// or https://"),
        ("grpc://collector:4317", ""),
        ("http://", ""),
        ("http://collector:0", ""),
        ("http://collector:4318/v1/traces", "leave out /v1/traces, which is added"),
        ("http://collector:4318/otlp/v1/traces/", "leave out /v1/traces, which is added"),
        ("http://collector/a b", ""),
        ("http://collector//otlp", ""),
    ],
)
def test_what_is_no_base_url_is_refused(written: object, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_endpoint(written)
    assert (refused.value.hint, refused.value.found) == (hint, "")


@pytest.mark.parametrize("written", ["http://user:s3cret@collector", "http://collector?key=s3cret", "http://c#s3cret"])
def test_what_may_hold_a_secret_is_refused_and_not_shown(written: str, tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(CONFIG % f'"{written}"')
    with pytest.raises(Faults) as faults:
        load(file, {})
    assert "s3cret" not in str(faults.value)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in str(faults.value)


def test_nothing_is_traced_by_default() -> None:
    assert Tracing() == Tracing(endpoint=None, sample=0.01)


def test_an_endpoint_without_opentelemetry_is_a_fault_that_says_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(CONFIG % "http://collector:4318")
    for command in (["check", str(file)], ["serve", "--config", str(file)]):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, *command], capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f'{file}:2: tracing.endpoint: found "http://collector:4318", and OpenTelemetry is not installed; '
            'allowed: no endpoint without OpenTelemetry; pip install "s3edge[otel]"\n'
        )


def test_without_opentelemetry_all_else_is_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    file.write_text(CONFIG % "null")
    command = [sys.executable, "-c", WITHOUT, "check", str(file)]
    assert subprocess.run(command, capture_output=True, timeout=30, check=True).stdout


def test_nothing_of_opentelemetry_is_imported_by_what_serves_without_a_collector() -> None:
    parts = "s3edge.cli, s3edge.server.supervisor, s3edge.server.worker, s3edge.server.assembly"
    program = f"import sys, {parts}; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0
