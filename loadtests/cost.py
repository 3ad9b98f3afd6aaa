"""What a process and its descendants use: processor time, memory, descriptors; read from /proc (Linux)."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessStat:
    """What counts of /proc/PID/stat; `cpu` is seconds, of the process and of those children that it has waited for."""

    pid: int
    parent: int
    cpu: float


@dataclass(frozen=True)
class Usage:
    """A process tree at one moment: seconds of processor time since its start, bytes of memory, open descriptors.

    `pss` counts a page shared by n processes as 1/n of a page in each, so the sum over a tree is what the tree takes.
    `pipes` counts pipes, not their two ends.
    """

    cpu: float
    pss: int
    descriptors: int
    pipes: int
    processes: int


def parse_stat(text: str) -> ProcessStat:
    """Read one line of /proc/PID/stat (proc(5)). The name in brackets may hold spaces and brackets itself."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    ticks = sum(int(field) for field in fields[11:15])
    return ProcessStat(pid=int(head.partition(" ")[0]), parent=int(fields[1]), cpu=ticks / TICKS_PER_SECOND)


def parse_pss(text: str) -> int:
    """The `Pss` line of /proc/PID/smaps_rollup, in bytes; 0 where there is none."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def descendants(root: int, stats: Iterable[ProcessStat]) -> list[ProcessStat]:
    """`root` and everything below it; empty when `root` is not there."""
    children: dict[int, list[ProcessStat]] = {}
    found: list[ProcessStat] = []
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:  # grows as it is walked: each process brings its children
        found.extend(children.get(stat.pid, ()))
    return found


def tree_cpu(root: int) -> float:
    """Seconds of processor time, user and system, of the tree below `root`, processes that ended included."""
    return sum(stat.cpu for stat in descendants(root, _all_stats()))


def tree_pids(root: int) -> list[int]:
    """`root` and everything below it, parents before their children."""
    return [stat.pid for stat in descendants(root, _all_stats())]


def tree_usage(root: int) -> Usage:
    """The tree below `root` at this moment. A process that ends meanwhile counts as far as it was read."""
    stats = descendants(root, _all_stats())
    links = [link for stat in stats for link in descriptor_links(stat.pid)]
    return Usage(
        cpu=sum(stat.cpu for stat in stats),
        pss=sum(parse_pss(_read(PROC / str(stat.pid) / "smaps_rollup")) for stat in stats),
        descriptors=len(links),
        pipes=len({link for link in links if link.startswith("pipe:")}),
        processes=len(stats),
    )


@contextmanager
def sampled(root: int, seconds: float) -> Iterator[list[Usage]]:
    """Record the usage of the tree below `root` every `seconds` for the length of the block."""
    samples: list[Usage] = []
    is_over = threading.Event()

    def sample() -> None:
        due = time.monotonic() + seconds
        while not is_over.wait(max(0.0, due - time.monotonic())):
            samples.append(tree_usage(root))
            due += seconds  # whatever a sample takes: its place in the list tells when it was

    thread = threading.Thread(target=sample, name="sample usage", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        is_over.set()
        thread.join()


def _all_stats() -> Iterator[ProcessStat]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (text := _read(entry / "stat")):
            yield parse_stat(text)


def descriptor_links(pid: int) -> Iterator[str]:
    """What the open descriptors of a process stand for: a path, `socket:[INODE]`, `pipe:[INODE]`."""
    folder = PROC / str(pid) / "fd"
    try:
        entries = list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return
    for entry in entries:
        try:
            yield str(entry.readlink())
        except (FileNotFoundError, ProcessLookupError):
            continue


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
