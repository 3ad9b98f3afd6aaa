"""The pool with real worker processes."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence

import pytest
import uvloop

from s3edge.config.address import Address
from s3edge.config.model import Cluster, Config
from s3edge.config.policy import Policy
from s3edge.errors import StartError
from s3edge.server.messages import Beat, Fact, NodeResolved, NodeTurned, Reload
from s3edge.server.pool import WorkerPool
from s3edge.server.sockets import address_of, close, listen_shared
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.stream import EventStream
from tests.server.flow import flow_to, is_accepting, refused, until
from tests.server.stand_in import DIES, TALKS_NONSENSE, program

pytestmark = pytest.mark.wire

SETTINGS = Config(clusters=(Cluster.model_validate({"name": "c", "nodes": ["http://127.0.0.1:9"]}),)).model_dump_json()
SERVES = program("serve")
# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 30.0


def new_stream() -> EventStream:
    """For what workers tell, with a clock that stands still."""
    return EventStream(lambda: 0.0, lambda: 0.0)


class Workers:
    """A pool on a port of its own, and its address."""

    def __init__(self, command: Sequence[str], count: int, facts: tuple[Fact, ...], patience: float) -> None:
        listeners = listen_shared(Address("127.0.0.1", 0), count)
        self.address = address_of(listeners[0])
        self.events = new_stream()
        self.pool = WorkerPool(command, listeners, SETTINGS, lambda: facts, self._heard, self.events.report, patience)

    def _heard(self, number: int, beat: Beat) -> None:
        self.events.add(number, beat.events)

    async def ask(self) -> tuple[int, int, str]:
        """What a worker says on a new connection."""
        async with flow_to(self.address) as flow:
            return await flow.ask()

    async def all_ready(self) -> None:
        """Return when every worker takes connections."""
        await until(lambda: len(self.pool.living) == self.pool.size)


def with_workers(
    scenario: Callable[[Workers], Coroutine[None, None, None]],
    *,
    command: Sequence[str] = SERVES,
    count: int = 1,
    facts: tuple[Fact, ...] = (),
    patience: float = 10.0,
) -> None:
    """Run a scenario beside a pool that is killed afterwards."""

    async def main() -> None:
        workers = Workers(command, count, facts, patience)
        workers.pool.start()
        try:
            async with asyncio.timeout(LIMIT):
                await scenario(workers)
        finally:
            await workers.pool.kill()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def accepted(snapshot: Snapshot) -> float:
    """The connections that workers counted."""
    [(_, count)] = snapshot["s3edge_connections_total"]
    assert not isinstance(count, list)
    return count


def test_connections_made_before_the_first_worker_is_ready_are_served() -> None:
    async def scenario(workers: Workers) -> None:
        assert (await workers.ask())[0] != os.getpid()

    with_workers(scenario)


def test_a_killed_worker_is_replaced_and_loses_no_queued_connection() -> None:
    async def scenario(workers: Workers) -> None:
        first, _, _ = await workers.ask()
        os.kill(first, signal.SIGSTOP)  # so that the next connections stay in the queue until it dies
        queued = [asyncio.create_task(workers.ask(), name=f"client {number}") for number in range(10)]
        await asyncio.sleep(0)
        os.kill(first, signal.SIGKILL)
        pids = {pid for pid, _, _ in await asyncio.gather(*queued)}
        assert len(pids) == 1
        assert first not in pids
        assert workers.pool.restarts == 1
        [told] = [told for told in workers.events.since(None).events if told.entry.event == "WorkerReplaced"]
        assert (told.worker, told.entry.text) == (None, "worker 0 was killed by SIGKILL, and is replaced")

    with_workers(scenario)


def test_a_hanging_worker_is_killed_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(workers: Workers) -> None:
        first, _, _ = await workers.ask()
        os.kill(first, signal.SIGSTOP)
        second, _, _ = await workers.ask()
        assert second != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)

    with_workers(scenario, patience=2.0)
    assert "worker 0 gave no sign of life for 2 s; replacing it in 0.1 s" in caplog.messages


def test_a_worker_that_talks_nonsense_is_killed() -> None:
    async def scenario(workers: Workers) -> None:
        with pytest.raises(StartError, match="sent what no worker sends: no message: b'nonsense"):
            await workers.pool.watch()

    with_workers(scenario, command=TALKS_NONSENSE)


def test_workers_that_die_before_they_serve_are_given_up() -> None:
    async def scenario(workers: Workers) -> None:
        with pytest.raises(StartError, match="the workers die before they serve; the last one exited with code 7"):
            await workers.pool.watch()

    with_workers(scenario, command=DIES, count=2)


def test_a_fault_that_the_operator_can_mend_is_given_up_at_once_with_its_reason() -> None:
    async def scenario(workers: Workers) -> None:
        with pytest.raises(StartError) as caught:
            await workers.pool.watch()
        assert str(caught.value) == "the moon is in the way; wait for the next one"
        assert workers.pool.restarts == 0

    with_workers(scenario, command=program("refuse"))


def test_a_program_that_does_not_exist_is_given_up() -> None:
    async def scenario(workers: Workers) -> None:
        with pytest.raises(StartError, match="could not be started: No such file or directory"):
            await workers.pool.watch()

    with_workers(scenario, command=("/no/such/program",))


def test_every_worker_is_told_and_a_new_one_knows_the_facts() -> None:
    async def scenario(workers: Workers) -> None:
        first, _, told = await workers.ask()
        assert told == "n1=down,n1@=10.0.0.1"
        workers.pool.tell(NodeTurned(node="n1", is_up=True))
        workers.pool.tell(Reload())
        await workers.pool.snapshot()  # answered after what was told before
        assert await workers.ask() == (first, 1, "n1=up,n1@=10.0.0.1")

    facts = (NodeResolved(node="n1", addresses=("10.0.0.1",)), NodeTurned(node="n1", is_up=False))
    with_workers(scenario, facts=facts)


def test_counts_of_workers_add_up_are_fresh_and_survive_their_worker() -> None:
    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        pids = [(await workers.ask())[0] for _ in range(20)]
        assert accepted(await workers.pool.snapshot()) == 20
        os.kill(pids[0], signal.SIGKILL)
        await until(lambda: workers.pool.restarts == 1)
        assert accepted(await workers.pool.snapshot()) == 20
        await workers.all_ready()
        await workers.ask()
        assert accepted(await workers.pool.snapshot()) == 21

    with_workers(scenario, count=2)


def test_what_workers_tell_of_events_is_kept_with_their_number() -> None:
    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        for _ in range(20):
            await workers.ask()
        await workers.pool.snapshot()  # asks for a beat of every worker
        told = workers.events.since(None).events
        assert [event.entry.text for event in told] == ["n1 is tried by one request"] * 20
        assert {event.worker for event in told} <= {0, 1}

    with_workers(scenario, count=2)


def test_every_worker_answers_which_flows_it_has_and_one_that_hangs_is_left_out() -> None:
    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        async with flow_to(workers.address) as flow:
            pid, _, _ = await flow.ask()
            found = await workers.pool.flows(Query())
            assert set(found) == {0, 1}
            assert sum(each.total for each in found.values()) == 1
            os.kill(pid, signal.SIGSTOP)
            [left] = (await workers.pool.flows(Query())).values()
            assert left.total == 0
            os.kill(pid, signal.SIGCONT)
            assert len(await workers.pool.flows(Query())) == 2  # its late answer was for nobody

    with_workers(scenario, count=2)


def test_flows_are_asked_for_by_one_viewer_at_a_time() -> None:
    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        answers = await asyncio.gather(*(workers.pool.flows(Query()) for _ in range(20)))
        assert answers == [{0: Found(0, 0, ())}] * 20
        await workers.pool.kill()
        assert await workers.pool.flows(Query()) == {}

    with_workers(scenario)


def test_a_scrape_does_not_wait_for_a_worker_that_hangs() -> None:
    async def scenario(workers: Workers) -> None:
        pid, _, _ = await workers.ask()
        assert accepted(await workers.pool.snapshot()) == 1
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(5):
            assert accepted(await workers.pool.snapshot()) == 1

    with_workers(scenario)


def test_a_drain_refuses_new_connections_lets_flows_end_and_ends_the_workers() -> None:
    async def scenario(workers: Workers) -> None:
        async with flow_to(workers.address) as flow:
            pid, _, _ = await flow.ask()
            draining = asyncio.create_task(workers.pool.drain(LIMIT), name="drain")
            await refused(workers.address)
            assert (await flow.ask())[0] == pid
            assert not draining.done()
        await draining
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await workers.pool.watch()
        assert workers.pool.restarts == 0

    with_workers(scenario)


def test_flows_that_outlast_the_drain_are_cut() -> None:
    async def scenario(workers: Workers) -> None:
        async with flow_to(workers.address) as flow:
            await flow.ask()
            await workers.pool.drain(0.1)
            assert await flow.is_closed()

    with_workers(scenario)


def test_a_drain_ends_a_worker_that_is_starting_and_one_that_waits_to_be_replaced() -> None:
    async def starting(workers: Workers) -> None:
        await workers.pool.drain(LIMIT)

    async def waiting(workers: Workers) -> None:
        pid, _, _ = await workers.ask()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: workers.pool.restarts == 1)
        await workers.pool.drain(LIMIT)

    with_workers(starting)
    with_workers(waiting)


def test_a_pool_that_is_killed_leaves_no_process_and_no_socket() -> None:
    pids: list[int] = []

    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        pids.extend(worker.pid for worker in workers.pool.living)
        await workers.pool.kill()
        assert not await is_accepting(workers.address)

    with_workers(scenario, count=2)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_other_settings_are_those_of_all_workers_and_of_those_that_replace_them() -> None:
    async def scenario(workers: Workers) -> None:
        await workers.all_ready()
        policies = (Policy.model_validate({"policy": "p", "weight": 2}),)
        changed = Config.model_validate_json(SETTINGS).model_copy(update={"policies": policies})
        workers.pool.configure(changed.model_dump_json())
        await workers.pool.snapshot()  # answered after what was told before
        first, _, told = await workers.ask()
        assert told == "p=weight 2.0"
        os.kill(first, signal.SIGKILL)
        second, _, told = await workers.ask()
        assert second != first
        assert told == "p=weight 2.0"

    with_workers(scenario)


def test_listeners_can_be_closed_by_their_opener_too() -> None:
    async def main() -> None:
        listeners = listen_shared(Address("127.0.0.1", 0), 1)
        pool = WorkerPool(SERVES, listeners, SETTINGS, lambda: (), lambda number, beat: None, new_stream().report)
        await pool.kill()
        close(listeners)

    asyncio.run(main())
