import os
from pathlib import Path

import pytest

from loadtests.ceph.daemon import Daemon
from loadtests.ceph.lab import Access, Lab
from loadtests.ceph.settings import ceph_conf


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A program that waits for a signal, with its configuration among its words as Ceph's daemons have theirs."""
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    config = tmp_path / "ceph.conf"
    config.touch()
    return Daemon("tail.1", ("tail", "-f", str(config)), config, tmp_path)


def test_a_daemon_is_started_once_and_stopped_for_good(daemon: Daemon) -> None:
    assert daemon.start()
    pid = daemon.pid()
    try:
        assert pid is not None
        assert not daemon.start()
        assert daemon.pid() == pid
    finally:
        daemon.stop()
    assert daemon.pid() is None
    assert not daemon.pid_file.exists()


def test_a_stranger_with_a_recorded_pid_is_left_alone(daemon: Daemon) -> None:
    daemon.pid_file.write_text(f"{os.getpid()}\n")
    assert daemon.pid() is None
    daemon.stop()
    assert not daemon.pid_file.exists()


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_a_damaged_pid_file_names_nobody(daemon: Daemon, text: str) -> None:
    daemon.pid_file.write_text(text)
    assert daemon.pid() is None


def test_every_gateway_has_its_own_port_on_loopback(tmp_path: Path) -> None:
    conf = ceph_conf("11111111-2222-3333-4444-555555555555", tmp_path, range(7481, 7484))
    assert [f"endpoint=127.0.0.1:{port} " in conf for port in (7480, 7481, 7482, 7483, 7484)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert "0.0.0.0" not in conf


def test_a_lab_that_never_was_needs_no_ending(tmp_path: Path) -> None:
    Lab(tmp_path / "none").down(wipe=True)
    assert not (tmp_path / "none").exists()


def test_the_environment_names_all_endpoints() -> None:
    text = Access(("http://127.0.0.1:7481", "http://127.0.0.1:7482")).environment()
    assert 'S3_ENDPOINTS="http://127.0.0.1:7481 http://127.0.0.1:7482"' in text.splitlines()
