"""Coarse clocks for the time limits of a worker: one for limits of seconds, a finer one for what is late by moments.

A limit moves with each request, mostly to a later time, so the wheel is lazy: moving it later only writes a number, and
the slot that comes too early puts the timer where it belongs now. A timer of the event loop would be made and thrown
away for each limit. Limits fire up to one tick late, never early.

What others are waited for may lie unread in the kernel when the loop itself comes late. So a wheel that finds itself
late lets the loop read first: nobody is blamed for what he has done in time.
"""

import asyncio
from collections.abc import Callable
from typing import Final

# Limits are seconds long, and a quarter of a second late is soon enough for them.
TICK: Final = 0.25
# A first byte is late after some ten milliseconds. A power of two, so that slots have exact times.
FINE_TICK: Final = 1 / 128
# uvloop's timers count whole milliseconds, and round: a slot may seem to come so many seconds too early. Waiting for
# the rest would be to spin through the loop, a dozen times and more per fine tick.
_ROUNDING: Final = 0.0005
# A loop that comes so late, in seconds, was held up: by work of its own, by a machine that is too busy, or by one that
# was stopped for a while, as when it is moved to other hardware.
HELD_UP: Final = 0.02
# Then it looks at its sockets once before limits fire, since event loops call timers first. The least that a timer of
# uvloop may have, in seconds; one of nothing comes before the next look.
_ONE_LOOK: Final = 0.001
_NEVER: Final = float("inf")
_ALREADY: Final = float("-inf")


class Timer:
    """A time limit that can be set, moved and taken back; calls `fire` once when it is over."""

    __slots__ = ("_wakes", "_wheel", "due", "fire")

    def __init__(self, wheel: "Wheel", fire: Callable[[], None]) -> None:
        self._wheel = wheel
        self._wakes = _NEVER  # when the slot comes in which the timer stands; it stands in no other
        self.due = _NEVER
        self.fire = fire

    def set(self, seconds: float) -> None:
        """Fire `seconds` from now, instead of at any time set before."""
        wheel = self._wheel
        self.due = due = wheel.now() + seconds
        if due < self._wakes:
            if self._wakes != _NEVER:
                wheel.remove(self, self._wakes)
            self._wakes = wheel.insert(self, due)

    def set_at(self, due: float) -> None:
        """Fire at `due` by the loop's clock, instead of at any time set before."""
        self.due = due
        if due < self._wakes:
            if self._wakes != _NEVER:
                self._wheel.remove(self, self._wakes)
            self._wakes = self._wheel.insert(self, due)

    def clear(self) -> None:
        """Do not fire."""
        self.due = _NEVER

    def drop(self) -> None:
        """Do not fire, and leave the wheel at once: whoever owns the timer goes, and its memory with it."""
        self._wheel.remove(self, self._wakes)
        self.due = self._wakes = _NEVER

    def come(self, now: float) -> None:
        """The wheel's slot has come: fire, move on to a later slot, or rest."""
        self._wakes = _NEVER
        if self.due <= now:
            self.due = _NEVER
            self.fire()
        elif self.due != _NEVER:
            self._wakes = self._wheel.insert(self, self.due)


class Wheel:
    """Timers in slots of `tick` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: float = TICK) -> None:
        self.now = loop.time
        self._loop = loop
        self._tick_length = tick
        self._slots: dict[float, dict[Timer, None]] = {}  # when a slot comes -> its timers, as an ordered set
        self._next = int(loop.time() / tick) + 1
        self._handle: asyncio.Handle | None = None
        self._handle_at = _NEVER  # when it comes; uvloop makes handles that do not tell

    def timer(self, fire: Callable[[], None]) -> Timer:
        """A timer that is not set yet."""
        return Timer(self, fire)

    def insert(self, timer: Timer, due: float) -> float:
        """Put `timer` into the first slot that comes at `due` or later; when that is."""
        when = max(int(due / self._tick_length) + 1, self._next) * self._tick_length
        timers = self._slots.get(when)
        if timers is None:
            self._slots[when] = {timer: None}
            self._wait_for(when)
        else:
            timers[timer] = None
        return when

    def remove(self, timer: Timer, when: float) -> None:
        """Take `timer` out of the slot that comes at `when`, if there is one and it stands there."""
        timers = self._slots.get(when)
        if timers is not None:
            timers.pop(timer, None)

    def close(self) -> None:
        """Forget all timers."""
        self._slots.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._handle_at = _NEVER

    def _wait_for(self, when: float) -> None:
        if when < self._handle_at:
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_at(when, self._tick)
            self._handle_at = when

    def _tick(self) -> None:
        now = self.now()
        if now - self._handle_at > HELD_UP:
            self._handle_at = _ALREADY
            self._handle = self._loop.call_later(_ONE_LOOK, self._turn)
        else:
            self._turn()

    def _turn(self) -> None:
        self._handle = None
        self._handle_at = _NEVER
        now = self.now()
        reached = now + _ROUNDING
        self._next = int(reached / self._tick_length) + 1
        for when in sorted(when for when in self._slots if when <= reached):
            for timer in self._slots.pop(when):
                timer.come(now)
        if self._slots:
            self._wait_for(min(self._slots))
