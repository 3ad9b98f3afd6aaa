"""Writing whole lines to files and pipes, which may be full, slow or gone."""

import errno
import fcntl
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3edge.telemetry.outlet import LONGEST_LINE, Outlet

LINE = b"x" * 99 + b"\n"
# The least that a pipe can hold, so that few lines fill it.
PIPE = 4096


def never() -> bool:
    return False


def at_once() -> bool:
    return True


@contextmanager
def named_pipe(folder: Path) -> Iterator[tuple[Path, int]]:
    """A pipe of `PIPE` bytes, and the end that reads it."""
    path = folder / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE)
    try:
        yield path, reader
    finally:
        os.close(reader)


def test_a_file_is_made_for_its_owner_and_group_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    before = os.umask(0o022)
    try:
        one, other = Outlet(path), Outlet(path)
    finally:
        os.umask(before)
    assert one.write(b"1\n2\n", never) == (4, None)
    assert other.write(b"3\n", never) == (2, None)
    assert one.write(b"4\n", never) == (2, None)
    assert path.read_bytes() == b"1\n2\n3\n4\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    one.close()
    other.close()


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = {}
    for name in (".", "none/access.log", "pipe"):
        with pytest.raises(OSError, match=r".") as caught:
            Outlet(tmp_path / name)
        found[name] = caught.value.errno
    assert found == {".": errno.EISDIR, "none/access.log": errno.ENOENT, "pipe": errno.ENXIO}


def test_a_full_disk_takes_nothing_and_says_so() -> None:
    outlet = Outlet(Path("/dev/full"))
    written, error = outlet.write(LINE, never)
    assert written == 0
    assert error is not None
    assert error.errno == errno.ENOSPC
    outlet.close()


def test_a_line_that_a_full_disk_tore_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    outlet = Outlet(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, limits[1]))
    try:
        written, error = outlet.write(3 * LINE, never)
        again = outlet.write(LINE, never)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (written, error and error.errno) == (250, errno.EFBIG)
    assert (again[0], again[1] and again[1].errno) == (0, errno.EFBIG)
    assert outlet.write(LINE, never) == (len(LINE), None)
    assert path.read_bytes() == 2 * LINE + LINE[:50] + b"\n" + LINE
    outlet.close()


def test_a_pipe_is_given_whole_lines_as_it_is_read(tmp_path: Path) -> None:
    with named_pipe(tmp_path) as (path, reader):
        outlet = Outlet(path)
        lines = b"".join(b"%06d" % number + LINE for number in range(1000))
        thread = threading.Thread(target=outlet.write, args=(lines, never))
        thread.start()
        read = b""
        while len(read) < len(lines):
            try:
                read += os.read(reader, 1000)
            except BlockingIOError:
                continue
        thread.join()
        outlet.close()
    assert read == lines


def test_a_full_pipe_is_waited_for_until_that_is_given_up(tmp_path: Path) -> None:
    with named_pipe(tmp_path) as (path, reader):
        outlet = Outlet(path)
        assert outlet.write(100 * LINE, at_once) == (40 * len(LINE), None)
        assert os.read(reader, PIPE) == 40 * LINE
        outlet.close()


def test_a_line_as_long_as_a_pipe_takes_stays_whole(tmp_path: Path) -> None:
    with named_pipe(tmp_path) as (path, reader):
        outlet = Outlet(path)
        longest = b"x" * (LONGEST_LINE - 1) + b"\n"
        assert outlet.write(longest + LINE, at_once) == (len(longest), None)
        assert os.read(reader, 2 * PIPE) == longest
        outlet.close()


def test_a_pipe_that_nobody_reads_any_more_is_an_error_and_no_signal(tmp_path: Path) -> None:
    with named_pipe(tmp_path) as (path, _):
        outlet = Outlet(path)
    written, error = outlet.write(LINE, never)
    assert (written, error and error.errno) == (0, errno.EPIPE)
    outlet.close()


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        outlet = Outlet("stdout")
        outlet.write(b"{}\n", never)
        outlet.close()
    assert capfd.readouterr().out == "{}\n{}\n"
