"""What is done to the nodes while readers read: a plan of actions, played by the clock, each marked on the chart."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Mortal(Protocol):
    """A node that can be killed and started again, and be stopped for a while."""

    def kill(self) -> None: ...

    def restart(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


@dataclass(frozen=True)
class Action:
    """Something to `do` `at` seconds after the readers began; `text` says it on the chart, nothing if it is empty."""

    at: float
    text: str
    do: Callable[[], object]


@dataclass(frozen=True)
class Mark:
    """What was done, and when it was: seconds since the readers began."""

    at: float
    text: str


def kills(nodes: Sequence[Mortal], seconds: float, rng: random.Random, every: float = 2.0) -> list[Action]:
    """A node drawn by lot is killed every `every` seconds and back halfway to the next; the last is back at the end."""
    actions: list[Action] = []
    at = every / 2
    while at + every / 2 <= seconds:
        number = rng.randrange(len(nodes))
        actions.append(Action(at, f"node {number + 1} killed", nodes[number].kill))
        actions.append(Action(at + every / 2, "", nodes[number].restart))
        at += every
    return actions


def freeze(node: Mortal, number: int, at: float, seconds: float) -> list[Action]:
    """Stop node `number` (from 0) by SIGSTOP for `seconds`: its kernel still takes connections, nobody answers."""
    return [
        Action(at, f"node {number + 1} frozen", node.freeze),
        Action(at + seconds, f"node {number + 1} goes on", node.thaw),
    ]


def freezes(nodes: Sequence[Mortal], seconds: float, rng: random.Random, every: float = 2.0) -> list[Action]:
    """A node drawn by lot is frozen every `every` seconds and goes on halfway to the next, as in `kills`."""
    actions: list[Action] = []
    at = every / 2
    while at + every / 2 <= seconds:
        number = rng.randrange(len(nodes))
        actions += freeze(nodes[number], number, at, every / 2)
        at += every
    return actions


def play(
    actions: Iterable[Action],
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Mark]:
    """Do each action when it is due, and return after `seconds` with what was done. What is due later is left out."""
    began = now()

    def wait_until(at: float) -> None:
        sleep(max(0.0, began + at - now()))

    marks: list[Mark] = []
    for action in sorted(actions, key=lambda action: action.at):
        if action.at > seconds:
            break
        wait_until(action.at)
        at = now() - began
        action.do()
        if action.text:
            marks.append(Mark(at, action.text))
    wait_until(seconds)
    return marks
