import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from loadtests.cost import TICKS_PER_SECOND, ProcessStat, descendants, parse_pss, parse_stat, tree_cpu, tree_usage

# proc(5): pid, name, state, parent, group, session, tty, tpgid, flags, 4 fault counts, 4 times, priority, nice, threads
STAT = "{pid} ({name}) S {parent} 17 17 0 -1 4194560 931 22 0 0 {times} 20 0 1 0 5000 15000000 1900"

STAY = "import sys; print(flush=True); sys.stdin.read()"


@given(name=st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=15))
def test_a_process_may_be_called_anything(name: str) -> None:
    times = " ".join(str(part * TICKS_PER_SECOND) for part in (4, 3, 2, 1))
    assert parse_stat(STAT.format(pid=42, name=name, parent=7, times=times)) == ProcessStat(42, 7, 10.0)


def test_pss_is_told_in_bytes() -> None:
    assert parse_pss("55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:   8192 kB\nPss:   2048 kB\n") == 2048 * 1024


def test_a_process_without_memory_map_takes_nothing() -> None:
    assert parse_pss("") == 0


def test_a_tree_holds_grandchildren_whatever_the_order_but_no_strangers() -> None:
    grandchild, stranger, child, root = (
        ProcessStat(4, 3, 0.5),
        ProcessStat(9, 1, 8.0),
        ProcessStat(3, 2, 0.25),
        ProcessStat(2, 1, 1.0),
    )
    found = descendants(2, [grandchild, stranger, child, root])
    assert {stat.pid for stat in found} == {2, 3, 4}


def test_a_tree_without_its_root_is_empty() -> None:
    assert descendants(5, [ProcessStat(6, 5, 1.0)]) == []


def test_our_own_tree_counts_a_child_with_its_pipes() -> None:
    before = tree_usage(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", STAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        during = tree_usage(os.getpid())
        assert tree_usage(child.pid).processes == 1
        child.communicate()
    assert during.processes == before.processes + 1
    assert during.pipes == before.pipes + 2
    assert during.descriptors > before.descriptors
    assert during.pss > before.pss > 0


def test_the_time_of_a_child_that_ended_is_not_lost() -> None:
    before = tree_cpu(os.getpid())
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True)
    assert tree_cpu(os.getpid()) - before >= 0.2 - 4 / TICKS_PER_SECOND  # each of the four times is cut to whole ticks


def test_a_process_that_is_gone_uses_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert tree_usage(child.pid).processes == 0
