import os
import select
import signal
import sys
from pathlib import Path

import pytest

from loadtests.child import Child, ChildError, end_on_sigterm, running, undivided

FAMILY = """
import os, pathlib, signal, sys
child = os.fork()
if child == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
pathlib.Path(sys.argv[1]).write_text(str(child))
signal.pause()
"""


def ends_within(seconds: float, descriptor: int) -> bool:
    """Whether the process behind a pidfd ends in time."""
    readable, _, _ = select.select([descriptor], [], [], seconds)
    os.close(descriptor)
    return bool(readable)


def test_a_grandchild_that_ignores_sigterm_goes_with_its_family(tmp_path: Path) -> None:
    mark = tmp_path / "grandchild"
    with running("family", [sys.executable, "-c", FAMILY, str(mark)], tmp_path, lambda: bool(_read(mark))) as child:
        grandchild = os.pidfd_open(int(mark.read_text()))
        assert child.process.poll() is None
    assert child.process.poll() is not None
    assert ends_within(5, grandchild)


def interrupted(children: list[Child], folder: Path) -> None:
    with running("sleeper", ["sleep", "60"], folder, is_ready=lambda: True) as child:
        children.append(child)
        raise KeyboardInterrupt


def test_a_child_ends_when_the_block_fails(tmp_path: Path) -> None:
    children: list[Child] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(children, tmp_path)
    assert children[0].process.poll() is not None


def test_a_child_that_ends_too_early_is_quoted(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('port 9000 is in use')"]
    with pytest.raises(ChildError, match=r"(?s)exit code 1.*port 9000 is in use"), running("x", argv, tmp_path, _never):
        pass


def test_a_child_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    argv = ["sh", "-c", "trap 'echo told; exit' TERM; echo here; while :; do sleep 0.05; done"]
    with pytest.raises(ChildError, match="not ready"), running("slow", argv, tmp_path, _never, seconds=0.3):
        pass
    assert (tmp_path / "slow.log").read_text() == "here\ntold\n"


def _never() -> bool:
    return False


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("number, error", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_waits_until_what_must_not_be_divided_is_done(
    number: signal.Signals, error: type[BaseException]
) -> None:
    done: list[str] = []

    def start() -> None:
        with undivided():
            signal.raise_signal(number)
            done.append("started")
        done.append("went on")

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
    end_on_sigterm()
    try:
        with pytest.raises(error):
            start()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert done == ["started"]
