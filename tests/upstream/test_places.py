"""Who waits for a place at the nodes, in which order they get one, and how they leave."""

import asyncio

import pytest

from s3edge.config.policy import Balance
from s3edge.config.qos import Priority
from s3edge.config.resilience import Queue
from s3edge.upstream.places import Caller, Choice, FullError, Places
from s3edge.upstream.standing import Standing
from s3edge.upstream.tabs import Tabs
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench, now

ANY = Choice(Balance.ROUND_ROBIN, (), b"key", True)
QUEUE = Queue(length=10, wait=2.0)


class Room:
    """Places at the one node of a bench, so many as are `free`."""

    def __init__(self, free: int = 0, opens: float = 60.0) -> None:
        self.free = free
        self.tabs = Tabs()
        self.standing: Standing = Bench("a")["a"]
        self.places = Places(self.find, lambda _: opens, asyncio.get_running_loop().time, self.tabs)

    def find(self, choice: Choice, priority: Priority) -> Standing | None:
        if not self.free or self.standing.node in choice.tried:
            return None
        self.free -= 1
        return self.standing

    def wait(
        self, name: str, priority: Priority = Priority.NORMAL, queue: Queue = QUEUE, limit: float = 60.0
    ) -> asyncio.Task[Standing]:
        caller = Caller(name, priority, 1.0, queue)
        return asyncio.create_task(self.places.wait(ANY, caller, limit), name=name)

    def open(self, count: int = 1) -> None:
        self.free += count
        self.places.go_on()

    @property
    def is_at_rest(self) -> bool:
        return not (len(self.places) or self.standing.node.inflight or any(self.standing.busy))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_waits_gets_a_place_by_priority_and_then_in_turn() -> None:
    async def main() -> None:
        room = Room()
        order: list[str] = []
        tasks = []
        for name, priority in (
            *(("b1", Priority.BACKGROUND), ("n1", Priority.NORMAL), ("i1", Priority.INTERACTIVE)),
            *(("n2", Priority.NORMAL), ("i2", Priority.INTERACTIVE)),
        ):
            tasks.append(room.wait(name, priority))
            tasks[-1].add_done_callback(lambda task: order.append(task.get_name()))
            await settled()
        for _ in tasks:
            room.open()
            await settled()
        assert order == ["i1", "i2", "n1", "n2", "b1"]
        assert room.is_at_rest

    run(main())


def test_who_comes_does_not_go_before_those_of_its_class_who_wait() -> None:
    async def main() -> None:
        room = Room()
        waiting = room.wait("waits")
        await settled()
        room.free = 1
        assert room.places.at_once(ANY, Priority.NORMAL) is None
        assert room.places.at_once(ANY, Priority.BACKGROUND) is None
        assert room.places.at_once(ANY, Priority.INTERACTIVE) is room.standing
        room.open()
        assert await waiting is room.standing

    run(main())


def test_who_has_tried_a_node_does_not_hold_up_those_who_have_not() -> None:
    async def main() -> None:
        room = Room()
        tried = Choice(Balance.ROUND_ROBIN, [room.standing.node], b"key", True)
        caller = Caller("picky", Priority.NORMAL, 1.0, QUEUE)
        picky = asyncio.create_task(room.places.wait(tried, caller, 60.0), name="picky")
        await settled()
        room.free = 1
        assert room.places.at_once(ANY, Priority.NORMAL) is room.standing
        with pytest.raises(FullError):
            await picky
        assert room.is_at_rest

    run(main())


def test_a_wait_ends_with_the_queues_or_with_the_callers_limit() -> None:
    async def main() -> None:
        room = Room()
        with pytest.raises(FullError, match=r"no node could take it within 0\.75 s"):
            await room.wait("a", queue=Queue(length=1, wait=0.75))
        assert now() == 0.75
        with pytest.raises(FullError, match=r"no node could take it within 0\.5 s"):
            await room.wait("a", limit=0.5)
        assert now() == 1.25
        assert room.is_at_rest

    run(main())


def test_a_full_line_takes_only_who_goes_before_another() -> None:
    async def main() -> None:
        room, queue = Room(), Queue(length=1, wait=2.0)
        background = room.wait("b", Priority.BACKGROUND, queue)
        await settled()
        with pytest.raises(FullError, match="1 requests wait already"):
            await room.wait("b", Priority.BACKGROUND, queue)
        interactive = room.wait("i", Priority.INTERACTIVE, queue)
        with pytest.raises(FullError, match="requests of a higher priority wait"):
            await background
        room.open()
        assert await interactive is room.standing

    run(main())


def test_a_queue_of_length_0_takes_nobodys_place() -> None:
    async def main() -> None:
        room = Room()
        background = room.wait("b", Priority.BACKGROUND)
        await settled()
        with pytest.raises(FullError, match="1 requests wait already"):
            await room.wait("i", Priority.INTERACTIVE, Queue(length=0, wait=2.0))
        room.open()
        assert await background is room.standing

    run(main())


@pytest.mark.parametrize("is_served", [False, True])
def test_who_is_cancelled_frees_its_place_for_the_next(is_served: bool) -> None:
    async def main() -> None:
        room = Room()
        first, second = room.wait("first"), room.wait("second")
        await settled()
        if is_served:
            room.open()
            assert room.standing.node.inflight == 1, "it is kept until the attempt begins"
        first.cancel()
        room.free += 1  # what its cancellation gives back
        await asyncio.gather(first, return_exceptions=True)
        assert await second is room.standing
        assert now() == 0
        assert room.is_at_rest

    run(main())


def test_a_place_that_comes_with_the_end_of_the_wait_is_taken() -> None:
    async def main() -> None:
        room = Room()
        asyncio.get_running_loop().call_at(0.5, room.open)
        assert await room.wait("a", limit=0.5) is room.standing
        assert (now(), room.is_at_rest) == (0.5, True)

    run(main())


def test_room_that_time_makes_is_found_when_it_is_there() -> None:
    async def main() -> None:
        room = Room(opens=0.1)
        task = room.wait("a")
        await settled()
        room.free = 1
        assert await task is room.standing
        assert now() == 0.1

    run(main())


def test_a_place_is_prepaid_by_what_its_tenant_usually_takes() -> None:
    async def main() -> None:
        room = Room(free=2)
        room.tabs.tab("a").usual = 40_000.0
        room.tabs.tab("b").usual = 1e9
        callers = [Caller(name, Priority.NORMAL, 2.0, QUEUE) for name in "ab"]
        for caller in callers:
            await room.places.wait(ANY, caller, 1.0)
        assert [caller.prepaid for caller in callers] == [40_000, 65_536]
        assert [room.tabs.tab(name).account.virtual for name in "ab"] == [20_000, 32_768]

    run(main())
