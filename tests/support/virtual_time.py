"""An event loop whose clock jumps to the next timer, so that a test of minutes takes milliseconds and times are exact.

For code whose bytes stay in memory (`memory.Network`): the loop cannot wait for real sockets, threads or processes.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds. A scenario that lasts longer waits for something that a periodic timer hides from the deadlock check.
DAY = 86_400.0


class Deadlock(Exception):
    """Nothing can happen any more, and the test still waits."""


class Leftover(Exception):
    """The test ended, but a task still ran or a callback had failed."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at 0.0 seconds; `limit` is the time in seconds at which a scenario counts as stuck."""

    def __init__(self, limit: float = DAY) -> None:
        self.now = 0.0
        self.limit = limit
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def jump(self, seconds: float | None) -> None:
        """Let `seconds` pass; None stands for "until something happens", which nothing can make happen."""
        if seconds is None or self.now + seconds > self.limit:
            waiting = "".join(f"\n  {task.get_name()}: {_where(task)}" for task in asyncio.all_tasks(self))
            raise Deadlock(f"at {self.now:g} s nothing can end these waits:{waiting}")
        # Whole nanoseconds, so that 0.1 + 0.2 is 0.3 and a test may compare times by ==.
        self.now = round(self.now + seconds, 9)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self._loop.jump(timeout)
        return ready


def run(main: Coroutine[Any, Any, T], *, limit: float = DAY) -> T:
    """Run `main` in virtual time and return its result.

    Raises Deadlock when it can never end or is not done at `limit` seconds, and Leftover when it leaves a task behind
    or a callback failed meanwhile, which asyncio would only log.
    """
    loop = VirtualTimeLoop(limit)
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main)
        tasks = [f"{task.get_name()} at {_where(task)}" for task in asyncio.all_tasks(loop)]
    if failures:
        raise Leftover(failures[0]["message"]) from failures[0].get("exception")
    if tasks:
        raise Leftover(f"tasks still running: {'; '.join(tasks)}")
    return result


def _where(task: asyncio.Task[Any]) -> str:
    """The line that a task waits at, as deep as its coroutines go."""
    coroutine: Any = task.get_coro()
    while getattr(getattr(coroutine, "cr_await", None), "cr_frame", None) is not None:
        coroutine = coroutine.cr_await
    frame = getattr(coroutine, "cr_frame", None)
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {coroutine.__qualname__}" if frame else repr(coroutine)
