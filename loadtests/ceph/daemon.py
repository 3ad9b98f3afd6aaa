"""One process of the lab, which outlives the command that started it and is known by its pid file."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

TERM_SECONDS = 15.0
"""How long a daemon may take to end in order; a storage daemon writes out what it holds."""

EXEC_SECONDS = 1.0
"""How long a new process may take to become its program; one that ends at once is seen by who waits for its service."""


@dataclass(frozen=True)
class Daemon:
    """A program that runs in the foreground with `-c CONFIG`; those two words tell our process from a stranger's."""

    name: str
    argv: tuple[str, ...]
    config: Path
    folder: Path

    @property
    def pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    @property
    def output(self) -> Path:
        return self.folder / "log" / f"{self.name}.out"

    def pid(self) -> int | None:
        """Of the running process; None when it is not running, or when its number went to another program since."""
        try:
            pid = int(self.pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        is_ours = Path(os.fsdecode(words[0])).name == self.argv[0] and os.fsencode(self.config) in words
        return pid if is_ours else None

    def start(self) -> bool:
        """Start it unless it runs; whether it was started now. Not by subprocess, which expects to see its end."""
        if self.pid() is not None:
            return False
        with Path(os.devnull).open("rb") as nothing, self.output.open("ab") as output:
            streams = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 0)]
            streams += [(os.POSIX_SPAWN_DUP2, output.fileno(), number) for number in (1, 2)]
            pid = os.posix_spawnp(self.argv[0], self.argv, os.environ, file_actions=streams, setsid=True)
        self.pid_file.write_text(f"{pid}\n")
        # A program just spawned has no command line yet, and would be taken for a stranger's.
        deadline = time.monotonic() + EXEC_SECONDS
        while self.pid() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        return True

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not do; then forget the pid."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid is None:
                break
            os.kill(pid, number)
            self._await_end(pid)
        self.pid_file.unlink(missing_ok=True)

    def _await_end(self, pid: int) -> None:
        deadline = time.monotonic() + TERM_SECONDS
        while self.pid() == pid and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(0.05)


def _reap(pid: int) -> None:
    """Wait for `pid` if it is our own child, which would otherwise stay as a zombie as long as we run."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
