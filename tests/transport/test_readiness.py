"""Readiness of descriptors that the loop does not know, on both event loops."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from s3edge.transport.readiness import READABLE, WRITABLE, Readiness
from tests.transport.sockets import Loops, on_both_loops, run, tcp_pair, until


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """The ends of a pipe, to read from and to write to."""
    read_fd, write_fd = os.pipe2(os.O_NONBLOCK)
    try:
        yield read_fd, write_fd
    finally:
        os.close(read_fd)
        os.close(write_fd)


@contextmanager
def readiness() -> Iterator[Readiness]:
    watching = Readiness(asyncio.get_running_loop())
    try:
        yield watching
        assert watching._callbacks == {}
    finally:
        watching.close()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@on_both_loops
def test_a_descriptor_is_reported_in_each_turn_as_long_as_it_is_ready(loops: Loops) -> None:
    async def main() -> None:
        calls: list[int] = []
        with readiness() as watching, pipe() as (read_fd, write_fd):
            watching.watch(read_fd, READABLE, lambda: calls.append(read_fd))
            await turns()
            assert calls == []
            os.write(write_fd, b"x")
            await until(lambda: len(calls) >= 3)
            os.read(read_fd, 1)
            await turns()
            count = len(calls)
            await turns()
            assert len(calls) == count
            watching.forget(read_fd)

    run(loops, main())


@on_both_loops
def test_a_forgotten_descriptor_is_not_reported_until_it_is_watched_again(loops: Loops) -> None:
    async def main() -> None:
        first: list[int] = []
        second: list[int] = []
        with readiness() as watching, pipe() as (_, write_fd):
            watching.watch(write_fd, WRITABLE, lambda: first.append(1))
            await until(lambda: len(first) > 0)
            watching.forget(write_fd)
            count = len(first)
            await turns()
            assert len(first) == count
            watching.watch(write_fd, WRITABLE, lambda: second.append(1))
            await until(lambda: len(second) > 0)
            assert len(first) == count
            watching.forget(write_fd)

    run(loops, main())


@on_both_loops
def test_the_end_of_the_other_side_makes_a_descriptor_ready(loops: Loops) -> None:
    async def main() -> None:
        with readiness() as watching:
            near, far = tcp_pair()
            calls: list[int] = []
            watching.watch(near.fileno(), READABLE, lambda: calls.append(1))
            far.close()
            await until(lambda: len(calls) > 0)
            watching.forget(near.fileno())
            near.close()

    run(loops, main())


@on_both_loops
def test_a_callback_may_stop_the_watch_of_another_that_is_ready_in_the_same_turn(loops: Loops) -> None:
    async def main() -> None:
        with readiness() as watching, pipe() as (_, one), pipe() as (_, other):
            calls: list[int] = []

            def stop(own: int, its: int) -> Callable[[], None]:
                def called() -> None:
                    calls.append(own)
                    watching.forget(own)
                    watching.forget(its)

                return called

            watching.watch(one, WRITABLE, stop(one, other))
            watching.watch(other, WRITABLE, stop(other, one))
            await until(lambda: len(calls) > 0)
            await turns()
            assert len(calls) == 1

    run(loops, main())


@on_both_loops
def test_more_ready_descriptors_than_one_turn_serves_all_get_their_turn(loops: Loops) -> None:
    async def main() -> None:
        with readiness() as watching:
            ends = [os.pipe2(os.O_NONBLOCK) for _ in range(200)]
            served: set[int] = set()
            for _, write_fd in ends:
                watching.watch(write_fd, WRITABLE, lambda fd=write_fd: served.add(fd))  # type: ignore[misc]
            await until(lambda: len(served) == len(ends))
            for read_fd, write_fd in ends:
                watching.forget(write_fd)
                os.close(read_fd)
                os.close(write_fd)

    run(loops, main())


@on_both_loops
def test_a_closed_instance_calls_nobody_back(loops: Loops) -> None:
    async def main() -> None:
        calls: list[int] = []
        with pipe() as (_, write_fd):
            watching = Readiness(asyncio.get_running_loop())
            watching.watch(write_fd, WRITABLE, lambda: calls.append(1))
            watching.close()
            watching.close()
            await turns()
            assert calls == []

    run(loops, main())
