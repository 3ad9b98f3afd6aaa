"""`s3edge demo` as a person and as a CI job run it."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from loadtests.ports import free_ports
from s3edge.demo.command import run
from s3edge.errors import StartError

pytestmark = pytest.mark.wire


def start(*options: str) -> subprocess.Popen[str]:
    listen, admin = free_ports(2)
    addresses = ("--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}")
    return subprocess.Popen(
        [sys.executable, "-m", "s3edge", "demo", *addresses, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def chaotic() -> Iterator[subprocess.Popen[str]]:
    """A demo that nobody has told to end."""
    process = start("--chaos")
    yield process
    process.kill()
    process.communicate()


def test_it_ends_by_itself_after_the_time_given() -> None:
    process = start("--seconds", "2s")
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert 'boto3.client("s3", endpoint_url="http://127.0.0.1:' in output
    assert "aws --endpoint-url http://127.0.0.1:" in output
    assert re.search(r"^ +dashboard: http://127\.0\.0\.1:\d+/#token=[\w-]{43}$", output, re.MULTILINE)
    assert " objects/s " in output, "a plain line each second where there is no terminal"
    assert "  hidden: failed attempts 0, resumes 0, hedges " in output
    assert output.splitlines()[-1].endswith("; 0 errors seen by the client")


def test_chaos_is_told_in_words_and_a_signal_ends_it_quickly(chaotic: subprocess.Popen[str]) -> None:
    assert chaotic.stdout is not None
    seen = []
    for line in chaotic.stdout:
        seen.append(line)
        if "is given back" in line:
            break
    chaotic.terminate()
    output, errors = chaotic.communicate(timeout=10)
    assert (chaotic.returncode, errors) == (0, "")
    assert any("is taken away" in line for line in seen)
    assert any(" down" in line for line in seen), "the probes noticed"
    assert output.splitlines()[-1].endswith("; 0 errors seen by the client")


@pytest.mark.parametrize("taken", ["listen", "admin"])
def test_a_port_in_use_is_one_clear_line(taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        addresses = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", taken: address}
        with pytest.raises(StartError, match=f"{address}.*already uses it"):
            run(chaos=False, listen=addresses["listen"], admin=addresses["admin"], seconds=1)


def test_without_the_extra_it_says_what_to_install() -> None:
    without_moto = "import sys; sys.modules['moto'] = None; from s3edge.cli import main; sys.exit(main(['demo']))"
    done = subprocess.run([sys.executable, "-c", without_moto], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == 's3edge: the demo needs the Python package moto: pip install "s3edge[demo]"\n'
