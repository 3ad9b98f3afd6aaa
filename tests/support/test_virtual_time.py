import asyncio

import pytest

from tests.support.virtual_time import Deadlock, Leftover, run


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_of_sleep_takes_exactly_an_hour_and_no_real_time() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return now()

    assert run(main()) == 3600.0


def test_times_add_up_without_floating_point_dust() -> None:
    async def main() -> float:
        for _ in range(10):
            await asyncio.sleep(0.1)
        return now()

    assert run(main()) == 1.0


def test_a_time_limit_fires_at_its_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.Event().wait()
        return now()

    assert run(main()) == 2.5


def test_tasks_interleave_in_the_order_of_their_timers() -> None:
    async def main() -> list[tuple[float, str]]:
        seen: list[tuple[float, str]] = []

        async def tick(name: str, period: float) -> None:
            for _ in range(2):
                await asyncio.sleep(period)
                seen.append((now(), name))

        async with asyncio.TaskGroup() as group:
            group.create_task(tick("slow", 3), name="slow")
            group.create_task(tick("fast", 2), name="fast")
        return seen

    assert run(main()) == [(2.0, "fast"), (3.0, "slow"), (4.0, "fast"), (6.0, "slow")]


def test_a_wait_that_nothing_can_end_is_a_deadlock_and_names_who_waits_where() -> None:
    async def wait_for_godot() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.sleep(7)
        await asyncio.create_task(wait_for_godot(), name="godot")

    with pytest.raises(Deadlock, match=r"(?s)^at 7 s .*godot: .*locks.py:\d+ Event.wait"):
        run(main())


def test_a_periodic_timer_does_not_hide_a_deadlock_for_ever() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            loop.call_later(1, tick)

        tick()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="at 60 s"):
        run(main(), limit=60)


def test_after_a_deadlock_the_waiting_tasks_still_clean_up() -> None:
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("main")

    with pytest.raises(Deadlock):
        run(main())
    assert cleaned == ["main"]


def test_the_error_of_the_test_itself_comes_out_unchanged() -> None:
    async def main() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main())


def test_a_failed_callback_fails_the_test() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(Leftover) as caught:
        run(main())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_task_left_behind_fails_the_test_and_is_named() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(1), name="forgotten"))

    with pytest.raises(Leftover, match="forgotten"):
        run(main())
