"""What workers are told of nodes; the probes themselves connect to real sockets on loopback."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from s3edge.config.model import Cluster
from s3edge.errors import StartError
from s3edge.events import Event
from s3edge.events import NodeTurned as Turned
from s3edge.health.thresholds import NodeState
from s3edge.health.verdict import Verdict, bad, draining, good, refused
from s3edge.server.figures import node_figures
from s3edge.server.messages import Fact, NodeResolved, NodeTurned
from s3edge.server.watch import NodeWatch

LIMIT = 20.0


PROBED_BY_TCP = {"preset": "tcp", "interval": "20ms", "timeout": "5s", "rise": 1, "fall": 2}


def cluster(name: str, *nodes: str, **options: object) -> Cluster:
    """A cluster whose nodes are probed by connecting."""
    return Cluster.model_validate({"name": name, "nodes": list(nodes), "health": PROBED_BY_TCP, **options})


class Watched:
    """A watch and the facts and events that it told, in order."""

    def __init__(self, *clusters: Cluster) -> None:
        self.facts: list[Fact] = []
        self.events: list[Event] = []
        self.watch = NodeWatch(clusters, self._tell, self.events.append, random.Random(1), "edge-9000")
        self._told = asyncio.Event()

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._told.set()

    async def told(self, fact: Fact) -> None:
        """Return when this fact was told."""
        while fact not in self.facts:
            self._told.clear()
            await self._told.wait()


@asynccontextmanager
async def watching(*clusters: Cluster) -> AsyncIterator[Watched]:
    """A watch that has begun."""
    watched = Watched(*clusters)
    try:
        await watched.watch.start()
        yield watched
    finally:
        await watched.watch.close()


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[int]:
    """A port on which a node accepts connections."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """With a limit."""

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT):
            await scenario()

    asyncio.run(bounded())


def test_a_node_is_told_with_its_address_and_then_with_its_state() -> None:
    async def scenario() -> None:
        async with listening() as port, watching(cluster("c", f"http://127.0.0.1:{port}")) as watched:
            name = f"127.0.0.1:{port}"
            assert watched.facts == [NodeResolved(node=name, addresses=("127.0.0.1",))]
            assert [node.state for node in watched.watch.nodes.values()] == [NodeState.UNKNOWN]
            await watched.told(NodeTurned(node=name, is_up=True))
            assert watched.watch.why_none_is_up is None
            assert watched.watch.facts == tuple(watched.facts)

    run(scenario)


def test_a_node_that_goes_is_told_once_and_again_when_it_is_back() -> None:
    async def scenario() -> None:
        async with listening() as port:
            running = watching(cluster("c", f"http://127.0.0.1:{port}"))
            watched = await running.__aenter__()
            name = f"127.0.0.1:{port}"
            await watched.told(NodeTurned(node=name, is_up=True))
        await watched.told(NodeTurned(node=name, is_up=False))
        watched.facts.clear()
        async with listening(port):
            await watched.told(NodeTurned(node=name, is_up=True))
            assert watched.facts == [NodeTurned(node=name, is_up=True)]
        await running.__aexit__(None, None, None)

    run(scenario)


def test_nodes_that_share_a_host_get_its_addresses_each() -> None:
    async def scenario() -> None:
        clusters = cluster("a", "http://127.0.0.1:9"), cluster("b", "http://127.0.0.1:19")
        async with watching(*clusters) as watched:
            assert watched.facts[:2] == [
                NodeResolved(node="127.0.0.1:9", addresses=("127.0.0.1",)),
                NodeResolved(node="127.0.0.1:19", addresses=("127.0.0.1",)),
            ]

    run(scenario)


def test_each_node_has_exactly_one_state_in_the_metrics() -> None:
    async def scenario() -> None:
        async with watching(cluster("c", "http://127.0.0.1:9", "http://127.0.0.1:19")) as watched:
            await watched.told(NodeTurned(node="127.0.0.1:9", is_up=False))
            samples = node_figures(watched.watch.nodes.values())["s3edge_node_state"]
            states = [labels[2] for labels, value in samples if labels[1] == "127.0.0.1:9" and value == 1]
            assert states == [NodeState.DOWN]

    run(scenario)


ONE, TWO, THREE = "http://n1:9000", "http://n2:9000", "http://n3:9000"
DEEP = {"bucket": "canaries", "access_key": "AK", "secret_key": "hunter2", "interval": "20ms"}


def deep_cluster(*nodes: str) -> Cluster:
    """A cluster with a deep probe, in which one probe decides."""
    return cluster("c", *nodes, health=PROBED_BY_TCP | {"fall": 1, "deep": DEEP})


def probed(watched: Watched, name: str, *verdicts: Verdict) -> None:
    """The results of a node's probes."""
    for verdict in verdicts:
        watched.watch._probed(watched.watch.nodes[name], verdict)


def probed_deeply(watched: Watched, results: Sequence[tuple[str, Verdict]]) -> None:
    """The results of deep probes in their order, by node."""
    for name, verdict in results:
        watched.watch._probed_deeply(watched.watch.nodes[name], verdict)


def test_each_turn_is_one_event_with_its_reason() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE))
        probed(watched, "n1:9000", good("answered 200"), good("answered 200"), bad("x"), bad("answered 500"))
        watched.watch.set_drained("n1:9000", True)
        assert watched.events == [
            Turned("n1:9000", None, "up", "answered 200"),
            Turned("n1:9000", None, "down", "answered 500"),
            Turned("n1:9000", None, "drained", "drained by the operator"),
        ]

    run(scenario)


def test_a_drain_is_told_at_once_and_to_new_workers_and_outlives_the_probes() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE))
        away, back = NodeTurned(node="n1:9000", is_up=False, share=0.0), NodeTurned(node="n1:9000", is_up=True)
        node = watched.watch.set_drained("n1:9000", True)
        assert node is watched.watch.nodes["n1:9000"]
        probed(watched, "n1:9000", good("answered 200"))
        assert watched.facts == [away]
        assert watched.watch.facts == (away,)
        assert watched.watch.set_drained("n1:9000", True) is node
        assert watched.watch.set_drained("n1:9000", False) is node
        assert watched.facts == [away, back]

    run(scenario)


def test_a_node_that_drains_gets_nothing_even_as_the_last_one_and_one_that_is_down_keeps_its_share() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE, TWO))
        probed(watched, "n1:9000", draining("maintenance mode is ON"))
        probed(watched, "n2:9000", bad("x"))
        assert watched.facts == [
            NodeTurned(node="n1:9000", is_up=False, share=0.0),
            NodeTurned(node="n2:9000", is_up=False, share=1.0),
        ]

    run(scenario)


def test_a_node_that_was_drained_before_any_probe_is_used_again_after_that() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE))
        watched.watch.set_drained("n1:9000", True)
        watched.watch.set_drained("n1:9000", False)
        assert watched.facts[-1] == NodeTurned(node="n1:9000", is_up=True)

    run(scenario)


def test_a_node_that_does_not_exist_is_not_drained() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE))
        assert watched.watch.set_drained("n2:9000", True) is None
        assert (watched.facts, watched.events) == ([], [])

    run(scenario)


def test_why_no_node_is_up_counts_their_states() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE, TWO, THREE))
        assert watched.watch.why_none_is_up == "unknown: 3"
        probed(watched, "n1:9000", bad("x"))
        watched.watch.set_drained("n2:9000", True)
        assert watched.watch.why_none_is_up == "unknown: 1, down: 1, drained: 1"
        probed(watched, "n3:9000", good("answered 200"))
        assert watched.watch.why_none_is_up is None

    run(scenario)


def test_a_busy_nodes_share_is_told_as_it_falls_and_rises() -> None:
    async def scenario() -> None:
        watched = Watched(cluster("c", ONE, TWO, THREE))
        for name, load in (("n1:9000", 100), ("n2:9000", 100), ("n3:9000", 400), ("n3:9000", 400), ("n3:9000", 100)):
            probed(watched, name, good("pinged", load))
        shares = [fact.share for fact in watched.facts if isinstance(fact, NodeTurned) and fact.node == "n3:9000"]
        assert shares == [1.0, 0.6, 0.4, 0.7]
        assert NodeTurned(node="n3:9000", is_up=True, share=0.7) in watched.watch.facts
        assert {fact.share for fact in watched.facts if isinstance(fact, NodeTurned) and fact.node != "n3:9000"} == {
            1.0
        }

    run(scenario)


def test_a_node_that_fails_its_deep_probe_is_taken_away_alone() -> None:
    async def scenario() -> None:
        watched = Watched(deep_cluster(ONE, TWO))
        for name in ("n1:9000", "n2:9000"):
            probed(watched, name, good("answered 200"))
        probed_deeply(watched, [("n1:9000", good("wrote")), ("n2:9000", bad("PUT 500 InternalError"))])
        assert watched.facts[-1] == NodeTurned(node="n2:9000", is_up=False)
        assert watched.events[-1] == Turned("n2:9000", None, "down", "deep probe: PUT 500 InternalError")

    run(scenario)


def test_keys_that_no_node_takes_are_a_fault_of_the_configuration_and_take_no_node_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        watched = Watched(deep_cluster(ONE, TWO))
        for name in ("n1:9000", "n2:9000"):
            probed(watched, name, good("answered 200"))
        probed_deeply(watched, [(name, refused("PUT 403 AccessDenied")) for name in ("n1:9000", "n2:9000")] * 3)
        assert all(node.state is NodeState.UP for node in watched.watch.nodes.values())
        [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert line == (
            "cluster c: the deep probe may not do its work (PUT 403 AccessDenied at n1:9000), so it has no say; "
            "health.deep needs a bucket that exists and keys that may put, get and delete there"
        )
        assert "hunter2" not in caplog.text

    run(scenario)


def test_a_node_that_alone_refuses_the_keys_is_taken_away() -> None:
    async def scenario() -> None:
        watched = Watched(deep_cluster(ONE, TWO))
        probed(watched, "n2:9000", good("answered 200"))
        probed_deeply(watched, [("n1:9000", good("wrote")), ("n2:9000", refused("PUT 403 AccessDenied"))])
        assert watched.watch.nodes["n2:9000"].state is NodeState.DOWN

    run(scenario)


def test_keys_that_are_refused_again_after_a_success_are_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        watched = Watched(deep_cluster(ONE))
        refusal, success = ("n1:9000", refused("PUT 403 AccessDenied")), ("n1:9000", good("wrote"))
        probed_deeply(watched, [refusal, refusal, success, refusal])
        assert [record.levelname for record in caplog.records].count("ERROR") == 2

    run(scenario)


def test_probes_of_both_kinds_are_counted_by_their_verdict() -> None:
    async def scenario() -> None:
        watched = Watched(deep_cluster(ONE), cluster("d", TWO))
        probed(watched, "n1:9000", good("answered 200"), bad("x"))
        probed_deeply(watched, [("n1:9000", refused("PUT 403 AccessDenied"))])
        samples = node_figures(watched.watch.nodes.values())["s3edge_probes_total"]
        assert [labels[1:] for labels, value in samples if value] == [
            ["n1:9000", "shallow", "good"],
            ["n1:9000", "shallow", "bad"],
            ["n1:9000", "deep", "refused"],
        ]
        assert {labels[2] for labels, _ in samples if labels[1] == "n2:9000"} == {"shallow"}

    run(scenario)


def test_the_deep_probe_of_a_cluster_runs_beside_the_other() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as refusing:
            node = f"127.0.0.1:{refusing.getsockname()[1]}"
            health = PROBED_BY_TCP | {"fall": 1, "deep": DEEP | {"timeout": "50ms"}}
            async with watching(cluster("c", f"http://{node}", health=health)) as watched:
                await watched.told(NodeTurned(node=node, is_up=False))
                assert watched.watch.nodes[node].reason == "deep probe: PUT: no answer within 0.05 s"

    run(scenario)


def test_a_ca_file_that_cannot_be_read_ends_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(StartError, match="cannot read the CA file"):
            Watched(cluster("c", "https://127.0.0.1:9", tls={"ca": str(tmp_path / "no.pem")}))

    run(scenario)


def test_a_ca_file_is_not_asked_for_where_no_node_speaks_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        Watched(cluster("c", "http://127.0.0.1:9", tls={"ca": str(tmp_path / "no.pem")}))

    run(scenario)
