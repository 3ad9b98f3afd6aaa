"""Pipes: taken, given back, counted, and none with a stranger's bytes in it."""

import errno
import fcntl
import os
import resource

import pytest

from s3edge.transport.pipes import CAPACITY, LEAST, Pipes
from tests.transport.sockets import open_descriptors


def test_a_pipe_carries_bytes_does_not_block_and_is_not_inherited() -> None:
    pipes = Pipes()
    pipe = pipes.take()
    assert os.write(pipe.write_fd, b"bytes") == 5
    assert os.read(pipe.read_fd, 10) == b"bytes"
    for fd in (pipe.read_fd, pipe.write_fd):
        assert not os.get_blocking(fd)
        assert not os.get_inheritable(fd)
    pipes.give_back(pipe)
    pipes.close()


def test_a_pipe_is_enlarged_where_that_is_allowed() -> None:
    pipes = Pipes()
    pipe = pipes.take()
    size = fcntl.fcntl(pipe.write_fd, fcntl.F_GETPIPE_SZ)
    try:
        fcntl.fcntl(pipe.write_fd, fcntl.F_SETPIPE_SZ, CAPACITY)
        assert size == CAPACITY
    except PermissionError:
        assert size < CAPACITY
    pipes.give_back(pipe)
    pipes.close()


def test_an_empty_pipe_is_used_again() -> None:
    pipes = Pipes()
    first, second = pipes.take(), pipes.take()
    assert pipes.open == 2
    pipes.give_back(first)
    assert pipes.take() is first
    assert pipes.open == 2
    pipes.give_back(first)
    pipes.give_back(second)
    pipes.close()
    assert pipes.open == 0


def test_a_pipe_with_bytes_inside_is_closed() -> None:
    before, pipes = open_descriptors(), Pipes()
    pipe = pipes.take()
    pipe.inside = os.write(pipe.write_fd, b"of an earlier body")
    pipes.give_back(pipe)
    assert (pipes.open, open_descriptors()) == (0, before)


def test_few_idle_pipes_are_kept_after_a_rush() -> None:
    before, pipes = open_descriptors(), Pipes(LEAST)  # 100 of full size are more than a user may have
    rush = [pipes.take() for _ in range(100)]
    assert pipes.open == 100
    for pipe in rush:
        pipes.give_back(pipe)
    assert pipes.open == 64
    assert open_descriptors() == before + 2 * 64
    pipes.close()
    assert (pipes.open, open_descriptors()) == (0, before)


def test_a_process_out_of_descriptors_is_told_so_and_nothing_is_counted() -> None:
    pipes = Pipes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 1, hard))  # one descriptor; a pipe needs two
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            pipes.take()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE
    assert pipes.open == 0


def test_a_pipe_has_room_for_the_least_or_is_not_given() -> None:
    before, pipes = open_descriptors(), Pipes(capacity=8 * 1024)
    pipe = pipes.take(8 * 1024)
    assert pipe.room == 8 * 1024
    with pytest.raises(OSError, match="No buffer space available"):
        pipes.take(LEAST)
    pipes.give_back(pipe)
    assert (pipes.open, open_descriptors()) == (0, before)


def test_a_small_pipe_is_used_once() -> None:
    before, pipes = open_descriptors(), Pipes(capacity=8 * 1024)
    pipes.give_back(pipes.take())
    assert (pipes.open, open_descriptors()) == (0, before)


def test_pipes_that_nobody_needed_since_the_last_look_are_closed() -> None:
    pipes = Pipes()
    for pipe in [pipes.take() for _ in range(3)]:
        pipes.give_back(pipe)
    pipes.trim()
    assert pipes.open == 3  # all were needed
    pipes.give_back(pipes.take())
    pipes.trim()
    assert pipes.open == 1  # one was
    pipes.trim()
    assert pipes.open == 0
    pipes.give_back(pipes.take())
    pipes.close()
