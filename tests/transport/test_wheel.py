"""The coarse clocks: exact times, in virtual time and by a clock that a test moves by hand."""

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from s3edge.transport.wheel import FINE_TICK, TICK, Timer, Wheel
from tests.support.virtual_time import VirtualTimeLoop, run
from tests.transport.sockets import Loops, on_both_loops, until
from tests.transport.sockets import run as run_on


def now() -> float:
    return asyncio.get_running_loop().time()


class Fired:
    """A timer and the times at which it fired."""

    def __init__(self, wheel: Wheel) -> None:
        self.times: list[float] = []
        self.now = wheel.now
        self.timer = wheel.timer(self.fire)

    def fire(self) -> None:
        self.times.append(self.now())


def test_a_limit_fires_once_at_the_first_tick_after_it_is_over() -> None:
    async def main() -> list[list[float]]:
        wheel = Wheel(asyncio.get_running_loop())
        limits = [Fired(wheel) for _ in range(5)]
        for limit, seconds in zip(limits, (0.0, 0.1, 1.0, 1.1, 60.0), strict=True):
            limit.timer.set(seconds)
        await asyncio.sleep(1000)
        assert {limit.timer.due for limit in limits} == {float("inf")}
        return [limit.times for limit in limits]

    assert run(main()) == [[0.25], [0.25], [1.25], [1.25], [60.25]]


def test_a_fine_wheel_fires_at_the_first_of_its_own_ticks() -> None:
    async def main() -> list[list[float]]:
        wheel = Wheel(asyncio.get_running_loop(), FINE_TICK)
        limits = [Fired(wheel) for _ in range(4)]
        for limit, seconds in zip(limits, (0.0, 0.01, 0.25, 1.0), strict=True):
            limit.timer.set_at(seconds)
        await asyncio.sleep(10)
        return [limit.times for limit in limits]

    assert FINE_TICK == 0.0078125
    assert run(main()) == [[0.0078125], [0.015625], [0.2578125], [1.0078125]]


def test_wheels_of_one_loop_turn_for_themselves() -> None:
    async def main() -> tuple[list[float], list[float]]:
        loop = asyncio.get_running_loop()
        coarse, fine = Wheel(loop), Wheel(loop, FINE_TICK)
        one, other = Fired(coarse), Fired(fine)
        one.timer.set(0.2)
        other.timer.set(0.2)
        coarse.close()
        await asyncio.sleep(1)
        return one.times, other.times

    assert run(main()) == ([], [0.203125])


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from([TICK, FINE_TICK]))
def test_a_limit_is_never_early_and_at_most_one_tick_late(start: float, seconds: float, tick: float) -> None:
    async def main() -> tuple[float, list[float]]:
        wheel = Wheel(asyncio.get_running_loop(), tick)
        limit = Fired(wheel)
        await asyncio.sleep(start)
        limit.timer.set(seconds)
        due = limit.timer.due
        await asyncio.sleep(200)
        return due, limit.times

    due, times = run(main())
    assert len(times) == 1
    assert due <= times[0] <= due + tick + 1e-9


def test_a_limit_that_moves_later_fires_at_the_later_time_only() -> None:
    async def main() -> list[float]:
        limit = Fired(Wheel(asyncio.get_running_loop()))
        limit.timer.set(1)
        await asyncio.sleep(0.9)
        limit.timer.set(1)
        await asyncio.sleep(0.9)
        limit.timer.set(10)
        await asyncio.sleep(100)
        return limit.times

    assert run(main()) == [12.0]


def test_a_limit_that_moves_earlier_fires_at_the_earlier_time_only() -> None:
    async def main() -> list[float]:
        limit = Fired(Wheel(asyncio.get_running_loop()))
        limit.timer.set(60)
        limit.timer.set(10)
        limit.timer.set(1)
        await asyncio.sleep(100)
        return limit.times

    assert run(main()) == [1.25]


def test_a_limit_that_is_taken_back_does_not_fire_until_it_is_set_again() -> None:
    async def main() -> list[float]:
        limit = Fired(Wheel(asyncio.get_running_loop()))
        limit.timer.set(1)
        await asyncio.sleep(0.5)
        limit.timer.clear()
        await asyncio.sleep(10)
        assert limit.times == []
        limit.timer.set(1)
        await asyncio.sleep(100)
        return limit.times

    assert run(main()) == [11.75]


def test_a_timer_may_be_set_again_where_it_fires() -> None:
    async def main() -> list[float]:
        limit = Fired(Wheel(asyncio.get_running_loop()))

        def fire_and_set() -> None:
            limit.fire()
            if len(limit.times) < 4:
                limit.timer.set(0 if len(limit.times) < 3 else 1)

        limit.timer.fire = fire_and_set
        limit.timer.set(1)
        await asyncio.sleep(100)
        return limit.times

    assert run(main()) == [1.25, 1.5, 1.75, 3.0]


def test_a_timer_may_take_back_or_move_another_of_its_own_slot_where_it_fires() -> None:
    async def main() -> tuple[list[float], list[float], list[float]]:
        wheel = Wheel(asyncio.get_running_loop())
        first, second, third, fourth = (Fired(wheel) for _ in range(4))

        def fire() -> None:
            second.timer.clear()
            third.timer.set(5)
            fourth.timer.drop()
            fourth.timer.set(7)

        first.timer.fire = fire
        for limit in (first, second, third, fourth):
            limit.timer.set(1)
        await asyncio.sleep(100)
        return second.times, third.times, fourth.times

    assert run(main()) == ([], [6.5], [8.5])


def test_thousands_of_limits_cost_the_loop_one_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        wheel = Wheel(loop)
        limits = [Fired(wheel) for _ in range(4000)]
        for number, limit in enumerate(limits):
            limit.timer.set(number / 100)
        timers = cast(Any, loop)._scheduled
        assert [timer.when() for timer in timers if not timer.cancelled()] == [0.25]
        await asyncio.sleep(50)
        assert all(len(limit.times) == 1 for limit in limits)
        assert [timer.when() for timer in timers if not timer.cancelled()] == []

    run(main())


def test_a_closed_wheel_fires_nothing() -> None:
    async def main() -> list[float]:
        wheel = Wheel(asyncio.get_running_loop())
        limit = Fired(wheel)
        limit.timer.set(1)
        wheel.close()
        wheel.close()
        await asyncio.sleep(100)
        return limit.times

    assert run(main()) == []


def test_a_dropped_timer_does_not_fire_and_keeps_nothing_in_memory() -> None:
    """Regression: the slots kept a closed connection for as long as its longest limit, 75 s with clients."""

    async def main() -> None:
        wheel = Wheel(asyncio.get_running_loop())
        limit = Fired(wheel)
        limit.timer.set(75)
        limit.timer.set(10)
        limit.timer.drop()
        times, owner = limit.times, weakref.ref(limit)
        del limit
        gc.collect()
        assert owner() is None
        await asyncio.sleep(100)
        assert times == []

    run(main())


@on_both_loops
def test_what_came_while_the_loop_was_held_up_is_read_before_limits_fire(loops: Loops) -> None:
    """Regression: after a stop of the whole process, nodes were blamed for answers that had come in time."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        limit, other = (Fired(Wheel(loop, FINE_TICK)) for _ in range(2))
        reader, writer = socket.socketpair()
        with reader, writer:
            read: asyncio.Future[None] = loop.create_future()

            def came() -> None:
                if reader.recv(1) == b"1":
                    writer.send(b"2")
                    threading.Event().wait(0.2)  # holds up the loop, which calls its timers next
                else:
                    limit.timer.clear()
                    loop.remove_reader(reader)
                    read.set_result(None)

            loop.add_reader(reader, came)
            limit.timer.set(0.1)
            other.timer.set(0.1)
            writer.send(b"1")
            await read
            await until(lambda: bool(other.times))
        assert limit.times == []

    run_on(loops, main())


def test_a_wheel_that_comes_late_turns_once_and_goes_on() -> None:
    async def main() -> tuple[list[float], list[float]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        wheel = Wheel(loop)
        first, second = Fired(wheel), Fired(wheel)
        first.timer.set(1)
        loop.now = 3.0  # held up
        await asyncio.sleep(0)
        second.timer.set_at(1.5)  # due before it was set
        await asyncio.sleep(10)
        return first.times, second.times

    assert run(main()) == ([3.001], [3.001])


class Clock:
    """What a wheel uses of a loop, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, (), cast(asyncio.AbstractEventLoop, self))
        self.calls.append((when, callback, handle))
        return handle

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A loop is told so."""

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [call for call in self.calls if call[0] <= end]:
            call = min(due, key=lambda call: call[0])
            self.calls.remove(call)
            if not call[2].cancelled():
                self.now = max(self.now, call[0])
                call[1]()
        self.now = end


# What happens next: time passes (-1), or the timer of this number is set, taken back (None) or dropped (-1.0).
STEPS = st.lists(st.tuples(st.integers(-1, 2), st.none() | st.just(-1.0) | st.floats(0, 20)), max_size=40)


@given(STEPS, st.sampled_from([TICK, FINE_TICK]))
def test_whatever_happens_to_timers_each_fires_once_for_its_last_limit(
    steps: list[tuple[int, float | None]], tick: float
) -> None:
    clock = Clock()
    wheel = Wheel(cast(asyncio.AbstractEventLoop, clock), tick)
    limits = [Fired(wheel) for _ in range(3)]
    due: list[float | None] = [None] * 3

    def pass_time(seconds: float) -> None:
        clock.advance(seconds)
        for number, limit in enumerate(limits):
            expected = due[number]
            if limit.times:
                assert expected is not None
                assert len(limit.times) == 1
                assert expected <= limit.times[0] <= expected + tick
                due[number] = None
                limit.times.clear()
            else:
                assert expected is None or clock.now <= expected + tick

    for number, seconds in steps:
        if number < 0:
            pass_time(abs(seconds or 0.0))
        elif seconds is None or seconds < 0:
            (Timer.clear if seconds is None else Timer.drop)(limits[number].timer)
            due[number] = None
        else:
            limits[number].timer.set(seconds)
            due[number] = clock.now + seconds
    pass_time(100.0)
    assert due == [None] * 3
