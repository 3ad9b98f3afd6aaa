"""The attempts of one request when the first one did not simply work: each branch of a race, at exact times.

What clients see of failing nodes is told in tests/scenarios; here it is which attempts are made when, and what is left.
"""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from s3edge.events import NodeEjected
from s3edge.resilience.retry import FIRST_PAUSE
from s3edge.routing.node import Node as RoutingNode
from s3edge.s3.operation import Operation
from s3edge.upstream.connection import NodeConnection
from tests.scenarios.scene import GET, Scene, in_turn, now, put_head, scene, turns
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

DELETE = GET.replace(b"GET", b"DELETE")
# No hedges and much patience: a node may take its time.
CALM = {"hedge": False, "failover": {"patience": "50s"}}


def error(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Error\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def after(seconds: float, response: bytes, began: list[float] | None = None) -> Script:
    """A script that takes its time for each answer; `began` is given the instants of the requests."""

    async def play(end: NodeEnd) -> None:
        while True:
            await end.read_request()
            if began is not None:
                began.append(now())
            await asyncio.sleep(seconds)
            await end.send(response)

    return play


async def says_nothing(end: NodeEnd) -> None:
    await end.read_request()
    await end.lost()


async def hangs_up(end: NodeEnd) -> None:
    await end.read_request()
    end.abort()


async def warm(stage: Scene, number: int) -> None:
    """Let the edge keep a connection to this node."""
    for other in range(len(stage.nodes)):
        stage.edge.set_node_state(f"node-{other}:9000", is_up=other == number)
    assert (await stage.ask())[0] == 200
    for other in range(len(stage.nodes)):
        stage.edge.set_node_state(f"node-{other}:9000", is_up=True)


# Failures.


def test_the_first_retry_goes_at_once_and_the_next_after_pauses_that_may_double() -> None:
    async def main() -> None:
        began: list[float] = []
        failing = [Node(after(0, error(500), began)) for _ in range(6)]
        policies = in_turn(hedge=False, failover={"attempts": 6, "patience": "50s"})
        async with scene(*failing, policies=policies) as stage:
            assert (await stage.ask())[0] == 500
        assert len(began) == 6
        pauses = [later - earlier for earlier, later in pairwise(began)]
        assert pauses[0] == 0
        for number, pause in enumerate(pauses[1:]):
            assert 0 < pause <= FIRST_PAUSE * 2**number
        assert len(set(pauses)) == 5, "they are drawn anew each time"

    run(main())


def test_the_last_of_several_bad_answers_is_passed_on_and_an_answer_beats_none() -> None:
    async def main() -> None:
        scripts = (answers(error(500, b"first")), answers(error(502, b"second")), hangs_up)
        async with scene(*scripts, policies=in_turn(**CALM)) as stage:
            assert await stage.ask() == (502, b"second")
            assert stage.attempts == {("0", "error"): 1, ("1", "error"): 1, ("2", "closed"): 1}

    run(main())


def test_nodes_that_cannot_be_connected_to_do_not_count_as_attempts() -> None:
    async def main() -> None:
        policies = in_turn(hedge=False, failover={"attempts": 2})
        nodes = [answers(ok()), answers(ok()), answers(error(500)), answers(ok()), answers(ok(b"whole"))]
        async with scene(*nodes, policies=policies) as stage:
            for number in (0, 1, 3):
                stage.network.refuse((f"node-{number}", 9000))
            assert await stage.ask() == (200, b"whole")
            ends = {("0", "unreachable"): 1, ("1", "unreachable"): 1, ("2", "error"): 1, ("3", "unreachable"): 1}
            assert stage.attempts == ends | {("4", "done"): 1}
            assert now() == 0

    run(main())


def test_a_retry_finds_its_kept_connection_dead_and_makes_a_new_one() -> None:
    """Regression: the race thought that an attempt was late while none was under way."""

    async def dies_when_used_again(end: NodeEnd) -> None:
        await answers(ok())(end)
        await end.read_head()
        end.abort()

    async def main() -> None:
        second = Node(dies_when_used_again, answers(ok(b"whole")))
        async with scene(answers(error(500)), second, tiers=[0, 1]) as stage:
            await warm(stage, 1)
            assert await stage.ask() == (200, b"whole")
            assert stage.attempts == {("0", "error"): 1, ("1", "done"): 2, ("1", "closed"): 1}
            assert stage.count("retries_inflight") == {(): 0}

    run(main())


def test_a_fault_of_the_edge_itself_is_no_nodes_fault_and_tried_nowhere_else() -> None:
    @dataclass
    class OutOfDescriptors:
        async def __call__(
            self, protocol: Callable[[], NodeConnection], node: RoutingNode, address: str
        ) -> NodeConnection:
            raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> None:
        async with scene(answers(ok()), answers(ok()), policies=in_turn()) as stage:
            for standing in stage.edge.standings.values():
                standing.pool._connect = OutOfDescriptors()
            status, body = await stage.ask()
            assert (status, b"Too many open files" in body) == (503, True)
            assert stage.attempts == {("0", "edge"): 1}
            assert stage.edge.standings["node-0:9000"].record.bads == 0

    run(main())


def test_a_trial_that_ends_by_a_fault_of_the_edge_is_made_again() -> None:
    """Regression: the node was held to be tried by a request that had ended long ago, for good."""

    @dataclass
    class OutOfDescriptors:
        async def __call__(
            self, protocol: Callable[[], NodeConnection], node: RoutingNode, address: str
        ) -> NodeConnection:
            raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> None:
        async with scene(answers(ok()), answers(ok()), policies=in_turn()) as stage:
            sick = stage.edge.standings["node-0:9000"]
            for _ in range(5):
                sick.failed(now(), now(), "closed")
            assert sick.node.is_ejected
            assert (await stage.ask())[0] == 200
            await asyncio.sleep(1.5)
            connect, sick.pool._connect = sick.pool._connect, OutOfDescriptors()
            assert (await stage.ask())[0] == 503
            assert stage.attempts["0", "edge"] == 1
            sick.pool._connect = connect
            await asyncio.sleep(0.5)
            assert (await stage.ask())[0] == 200
            assert (stage.attempts["0", "done"], sick.node.is_ejected) == (1, False)

    run(main())


# Lateness.


def test_a_late_read_asks_again_for_a_permit_while_it_waits() -> None:
    async def main() -> None:
        began: list[float] = []
        silent = Node(says_nothing)
        spare = Node(after(0.75, ok(), began))
        policies = [
            {"policy": "deletes", "match": {"operations": ["DeleteObject"]}, "balance": "round_robin", **CALM},
            *in_turn(hedge=False, failover={"patience": "0.5s"}),
        ]
        async with scene(silent, spare, tiers=[0, 1], policies=policies) as stage:
            # Three deletes, whose first node hangs up, hold all permits from 0 to 0.75 s.
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(stage.ask(), name="read")
                await turns()
                silent._scripts = (hangs_up,)
                for number in range(3):
                    group.create_task(stage.ask(DELETE), name=f"delete {number}")
            # Its patience ended at 0.5 s; it then asked each 50 ms, and got a permit when the first came back.
            assert began[:3] == [0.0] * 3
            assert 0.75 <= began[3] <= 0.81
            assert reading.result()[0] == 200
            assert stage.attempts["0", "beaten"] == 1, "it was late, and nothing else"
            assert stage.count("retries_inflight") == {(): 0}

    run(main())


def test_a_hedge_that_fails_leaves_the_first_attempt_its_time() -> None:
    """Regression: a hedge to a node that refused connections was replaced by a retry, and the first node blamed."""

    async def main() -> None:
        async with scene(after(0.4, ok(b"late")), answers(ok()), answers(ok()), policies=generous()) as stage:
            await earn_hedges(stage)
            stage.network.refuse(("node-1", 9000))
            stage.network.refuse(("node-2", 9000))
            assert await stage.ask() == (200, b"late")
            assert stage.edge.standings["node-0:9000"].record.streak == 0
            assert not [text for text in stage.told() if "no first byte" in text]

    run(main())


def test_a_hedge_that_cannot_connect_leaves_the_number_of_attempts_as_it_was() -> None:
    async def main() -> None:
        began: list[float] = []
        failing = [Node(after(0.3, error(500), began)), *[Node(after(0.1, error(500), began)) for _ in range(3)]]
        async with scene(*failing, policies=generous(attempts=2)) as stage:
            await earn_hedges(stage)
            stage.network.refuse(("node-1", 9000))
            assert (await stage.ask())[0] == 500
            assert began == [0.0, 0.3]

    run(main())


def test_a_hedge_whose_kept_connection_is_dead_leaves_the_first_attempt_its_time() -> None:
    async def dies_when_used_again(end: NodeEnd) -> None:
        await answers(ok())(end)
        await end.read_head()
        end.abort()

    async def main() -> None:
        second = Node(dies_when_used_again, answers(ok(b"not asked")))
        async with scene(after(0.4, ok(b"late")), second, tiers=[0, 1], policies=generous()) as stage:
            await warm(stage, 1)
            await earn_hedges(stage)
            assert await stage.ask() == (200, b"late")
            assert stage.attempts == {("0", "done"): 1, ("1", "done"): 1, ("1", "closed"): 1}
            assert stage.edge.standings["node-0:9000"].record.bads == 0

    run(main())


def test_when_the_first_attempt_and_its_hedge_have_failed_a_retry_goes_at_once() -> None:
    async def main() -> None:
        began: list[float] = []
        scripts = after(0.3, error(500)), after(0.1, error(500)), after(0, ok(b"third"), began)
        async with scene(*scripts, policies=generous()) as stage:
            await earn_hedges(stage)
            assert await stage.ask() == (200, b"third")
            # The first failed at 0.3 s, its hedge at 0.35 s; then came a pause, as before any second retry.
            assert 0.35 <= began[0] <= 0.35 + FIRST_PAUSE
            assert stage.count("hedges_total") == {("sent",): 1, ("won",): 0, ("wasted",): 1}

    run(main())


def test_a_fault_of_the_client_ends_the_race_and_is_tried_nowhere_else() -> None:
    async def main() -> None:
        head = b"PUT /b/k HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with scene(says_nothing, answers(ok()), policies=in_turn()) as stage, stage.dial() as client:
            await client.send(head + b"1\r\na\r\n")
            await asyncio.sleep(1)
            await client.send(b"zz\r\n")
            assert (await client.read_response("PUT")).status == 400
            assert stage.nodes[1].connections == []
            assert stage.edge.standings["node-0:9000"].record.bads == 0

    run(main())


def generous(**failover: object) -> list[dict[str, object]]:
    return in_turn(hedge={"budget": "50%"}, failover={"patience": "10s", **failover})


async def earn_hedges(stage: Scene) -> None:
    """Let the plan of a GET have hedges to spend."""
    exchanges = stage.edge.listener._exchanges
    plan = exchanges.rules.table.plan("default", Operation.GetObject, "bucket", b"key")
    exchanges._attempts._lay(plan).hedges.requests += 10


# The deadline.


def test_the_deadline_ends_a_pause_before_a_retry() -> None:
    """Regression: a race that paused beyond its deadline turned the loop without rest, and then made its attempt."""

    async def main() -> None:
        began: list[float] = []
        failing = [Node(after(0.4995, error(500, b"sorry"), began)) for _ in range(8)]
        policies = in_turn(hedge=False, failover={"attempts": 8, "deadline": "1s", "patience": "50s"})
        async with scene(*failing, policies=policies) as stage:
            assert await stage.ask() == (500, b"sorry")
            assert now() == 1.0
            assert began == [0.0, 0.4995], "the second retry would have come after 1 s"

    run(main())


def test_a_race_whose_permit_does_not_come_in_time_passes_on_the_bad_answer_that_it_has() -> None:
    async def main() -> None:
        policies = in_turn(hedge=False, failover={"deadline": "2s", "attempts": 2, "patience": "50s"})
        async with scene(
            Node(answers(error(500, b"sorry"))), Node(says_nothing), tiers=[0, 1], policies=policies
        ) as stage:
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(stage.ask(), name=f"read {number}") for number in range(4)]
            assert [task.result() for task in reads] == [(500, b"sorry")] * 4
            assert now() == 2.0

    run(main())


def test_attempts_that_the_deadline_ends_count_as_time_outs_of_their_nodes() -> None:
    async def main() -> None:
        policies = in_turn(hedge=False, failover={"deadline": "2s", "attempts": 1, "patience": "50s"})
        async with scene(says_nothing, policies=policies) as stage, stage.dial() as client:
            await client.send(put_head(5))
            await asyncio.sleep(3)
            await client.send(b"12345")
            assert (await client.read_response("PUT")).status == 500
            assert now() == 3 + 2, "it begins with the last byte of the body"
            assert stage.attempts == {("0", "timeout"): 1}
            assert stage.edge.standings["node-0:9000"].record.streak == 1
            assert stage.told() == ["node-0:9000 timeout: gave no answer before the deadline"]

    run(main())


def test_a_late_attempt_that_fails_in_the_end_is_one_failure_of_its_node() -> None:
    async def main() -> None:
        async with scene(after(0.7, error(500)), after(1.0, ok()), policies=in_turn(hedge=False)) as stage:
            assert (await stage.ask())[0] == 200
            assert stage.edge.standings["node-0:9000"].record.streak == 1

    run(main())


def test_a_late_attempt_that_wins_is_blamed_anew_when_its_body_breaks() -> None:
    async def breaks(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(0.7)
        await end.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12")
        await asyncio.sleep(0.1)
        end.abort()

    async def main() -> None:
        async with scene(breaks, says_nothing, policies=in_turn(hedge=False)) as stage, stage.dial() as client:
            await client.send(GET)
            assert b" 200 OK" in await client.read_to_end()
            record = stage.edge.standings["node-0:9000"].record
            assert (record.bads, record.streak) == (2, 1), "the good answer between them ended the row"

    run(main())


def test_a_node_that_is_slow_five_times_in_a_row_is_ejected() -> None:
    async def main() -> None:
        policies = in_turn(hedge=False)
        async with scene(says_nothing, answers(*[ok()] * 10), tiers=[0, 1], policies=policies) as stage:
            for number in range(1, 6):
                assert (await stage.ask())[0] == 200
                assert now() == 0.5 * number
            assert stage.edge.standings["node-0:9000"].node.is_ejected
            [entry] = [entry for entry in stage.edge.journal.take() if entry.event == NodeEjected.__name__]
            assert entry.at == 2.5

    run(main())
