import random

from loadtests.faults import Action, Mark, freeze, freezes, kills, play


class Node:
    """Writes down what is done to it."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def kill(self) -> None:
        self.log.append(f"{self.name} killed")

    def restart(self) -> None:
        self.log.append(f"{self.name} back")

    def freeze(self) -> None:
        self.log.append(f"{self.name} frozen")

    def thaw(self) -> None:
        self.log.append(f"{self.name} thawed")


def test_one_node_at_a_time_is_killed_and_it_is_back_before_the_next_and_before_the_end() -> None:
    log: list[str] = []
    actions = kills([Node(name, log) for name in "abcd"], seconds=7.0, rng=random.Random(1), every=2.0)
    assert [action.at for action in actions] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for action in actions:
        action.do()
    for killed, back in zip(log[::2], log[1::2], strict=True):
        assert killed.endswith(" killed")
        assert back == killed.replace(" killed", " back")


def test_only_deaths_are_marked_and_all_nodes_have_their_turn() -> None:
    actions = kills([Node(name, []) for name in "abcd"], seconds=60.0, rng=random.Random(1))
    assert {action.text for action in actions} == {"", *(f"node {number} killed" for number in (1, 2, 3, 4))}


def test_the_same_seed_kills_the_same_nodes() -> None:
    nodes = [Node(name, []) for name in "abcd"]
    plans = [[action.text for action in kills(nodes, 60.0, random.Random(seed))] for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_a_frozen_node_goes_on_after_its_time() -> None:
    log: list[str] = []
    stop, go_on = freeze(Node("a", log), 0, at=3.0, seconds=5.0)
    assert (stop.at, stop.text, go_on.at, go_on.text) == (3.0, "node 1 frozen", 8.0, "node 1 goes on")
    stop.do()
    go_on.do()
    assert log == ["a frozen", "a thawed"]


def test_frozen_nodes_go_on_before_the_next_is_frozen() -> None:
    log: list[str] = []
    actions = freezes([Node(name, log) for name in "abcd"], seconds=7.0, rng=random.Random(1), every=2.0)
    assert [action.at for action in actions] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for action in actions:
        action.do()
    for frozen, thawed in zip(log[::2], log[1::2], strict=True):
        assert thawed == frozen.replace(" frozen", " thawed")


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_actions_are_played_when_they_are_due_and_not_after_the_end() -> None:
    clock = Clock()
    done: list[tuple[str, float]] = []
    actions = [
        Action(4.0, "second", lambda: done.append(("second", clock.time))),
        Action(0.5, "", lambda: done.append(("first", clock.time))),
        Action(9.5, "never", lambda: done.append(("never", clock.time))),
    ]
    marks = play(actions, 9.0, clock.now, clock.sleep)
    assert done == [("first", 100.5), ("second", 104.0)]
    assert marks == [Mark(4.0, "second")]
    assert clock.time == 109.0


def test_an_action_that_takes_long_delays_only_what_was_due_meanwhile() -> None:
    clock = Clock()
    actions = [
        Action(1.0, "long", lambda: clock.sleep(2.5)),
        Action(2.0, "late", list),
        Action(5.0, "in time", list),
    ]
    assert play(actions, 6.0, clock.now, clock.sleep) == [Mark(1.0, "long"), Mark(3.5, "late"), Mark(5.0, "in time")]
    assert clock.time == 106.0
