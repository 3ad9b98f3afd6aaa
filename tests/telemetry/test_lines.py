"""Lines taken by the loop and written by the thread."""

import asyncio
import contextlib
import fcntl
import logging
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3edge.errors import StartError
from s3edge.telemetry.lines import AGE, BACKLOG, BATCH, PART, TELL_EVERY, LineLog, Losses
from tests.support.virtual_time import run

# Seconds that the thread has for what takes it milliseconds, on a busy machine.
LIMIT = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def line_log() -> LineLog[str]:
    return LineLog(asyncio.get_running_loop(), Clock(), "".join)


@contextmanager
def unread(folder: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe that takes a page, and its reader, which reads nothing by itself."""
    path = folder / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield path, reader
    finally:
        os.close(reader)


def test_all_that_was_taken_is_written_in_its_order(tmp_path: Path) -> None:
    async def main() -> None:
        log = line_log()
        log.start(tmp_path / "log")
        for number in range(3 * BATCH + 7):
            log.add(f"{number}\n")
        log.close(LIMIT)
        assert log.written == 3 * BATCH + 7

    run(main())
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(3 * BATCH + 7)]


def test_a_line_is_on_its_way_when_it_is_old_enough_and_a_batch_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        log = line_log()
        log.start(tmp_path / "log")
        log.add("1\n")
        await asyncio.sleep(AGE - 0.001)
        assert log._handed_lines == 0
        await asyncio.sleep(0.001)
        assert log._handed_lines == 1
        for _ in range(BATCH):
            assert log._handed_lines == 1
            log.add("2\n")
        assert log._handed_lines == 1 + BATCH
        log.close(LIMIT)

    run(main())


def test_records_of_which_no_line_can_be_made_are_lost_and_those_after_them_are_written(tmp_path: Path) -> None:
    async def main() -> None:
        log: LineLog[str] = LineLog(asyncio.get_running_loop(), Clock(), "".join)
        log.start(tmp_path / "log")
        for number in range(PART):
            with contextlib.nullcontext() if number < PART - 1 else pytest.raises(UnicodeEncodeError):
                log.add("\u00fc\n")
        log.add("after\n")
        log.close(LIMIT)

    run(main())
    assert (tmp_path / "log").read_text() == "after\n"


def test_a_file_that_was_renamed_keeps_what_came_before(tmp_path: Path) -> None:
    async def main() -> None:
        log = line_log()
        path = tmp_path / "log"
        log.start(path)
        log.add("before\n")
        path.rename(tmp_path / "log.1")
        log.redirect(path)
        log.add("after\n")
        log.close(LIMIT)

    run(main())
    assert (tmp_path / "log.1").read_text() == "before\n"
    assert (tmp_path / "log").read_text() == "after\n"


def test_what_cannot_be_opened_again_leaves_the_old_file_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        log = line_log()
        log.start(tmp_path / "log")
        log.redirect(tmp_path / "none" / "log")
        log.add("1\n")
        log.close(LIMIT)

    run(main())
    assert (tmp_path / "log").read_text() == "1\n"
    reason = f"access log: cannot open {tmp_path}/none/log: No such file or directory; writing on as before"
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", reason)]


def test_lines_may_go_nowhere_at_first_and_in_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        log = line_log()
        log.start("none")
        log.redirect("none")
        log.redirect(tmp_path / "log")
        log.add("1\n")
        log.redirect("none")
        log.close(LIMIT)
        assert (log.written, log.failed.lines, log.late.lines) == (1, 0, 0)

    run(main())
    assert (tmp_path / "log").read_text() == "1\n"


def test_it_does_not_start_without_its_file(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(StartError) as caught:
            line_log().start(tmp_path)
        assert str(caught.value) == f"cannot write the access log {tmp_path}: Is a directory"

    run(main())


def test_lines_that_a_full_disk_does_not_take_are_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        log = line_log()
        log.start(Path("/dev/full"))
        for _ in range(2 * BATCH + 1):
            log.add("1\n")
        log.close(LIMIT)
        assert (log.written, log.failed.lines, log.late.lines) == (0, 2 * BATCH + 1, 0)

    run(main())
    assert [record.message for record in caplog.records] == [
        f"access log: {BATCH} lines were not written: No space left on device",
        f"access log: {BATCH + 1} lines were not written: see above",
    ]


def test_a_pipe_that_nobody_reads_costs_lines_and_no_more_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = "x" * 1023 + "\n"
    batches = BACKLOG // (BATCH * len(line)) + 20

    async def main() -> None:
        log = line_log()
        with unread(tmp_path) as (path, reader):
            log.start(path)
            for _ in range(batches * BATCH):
                log.add(line)
            kept = log._handed_bytes
            assert BACKLOG < kept <= BACKLOG + BATCH * len(line)
            assert log.late.lines == batches * BATCH - kept // len(line)
            assert select.select([reader], [], [], LIMIT)[0], "as much as the pipe takes is written"
            log.close(0.0)
            assert os.read(reader, 8192) == 4 * line.encode()
            assert (log.written, log.failed.lines) == (4, 0)
            assert log.late.lines == batches * BATCH - 4

    run(main())
    first = "access log: 512 lines were not written: what takes them does not keep up"
    assert caplog.records[0].message == first
    assert len(caplog.records) == 2


def test_losses_are_told_at_most_once_a_minute_and_all_of_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    losses = Losses(clock)
    for seconds in (0.0, 1.0, TELL_EVERY - 1.5, 0.5, 3.0):
        clock.now += seconds
        losses.add(10, "why")
    losses.tell("why")
    losses.tell("why")
    assert [record.message.split()[2] for record in caplog.records] == ["10", "30", "10"]
    assert losses.lines == 50
