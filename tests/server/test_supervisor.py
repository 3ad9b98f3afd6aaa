"""The supervisor as operators know it: a process with signals, a log, an exit code and admin pages."""

import asyncio
import json
import os
import select
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
import trustme

from s3edge.config.address import Address
from s3edge.config.model import Config
from s3edge.server.sockets import listen_alone, listen_shared
from s3edge.server.supervisor import worker_count
from tests.server.flow import flow_to, is_accepting, refused
from tests.server.supervised import LIMIT, Supervised, config_for, supervisor

pytestmark = pytest.mark.wire

DEAD_NODE = "http://127.0.0.1:9"  # the discard port, on which nothing listens


@asynccontextmanager
async def node() -> AsyncIterator[str]:
    """A node that accepts connections; gives its URL."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def beside_node(
    scenario: Callable[[Supervised, str], Coroutine[None, None, None]], workers: int = 1, drain: float = LIMIT
) -> None:
    """Run a scenario beside a supervisor that is up and has one live node, whose URL the scenario gets."""

    async def main() -> None:
        async with node() as url, supervisor(config_for(url, workers=workers, drain=drain)) as supervised:
            await supervised.is_up()
            await scenario(supervised, url)

    asyncio.run(main())


def test_it_is_ready_once_a_worker_serves_and_a_node_is_up() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        await supervised.logged(r"node 127\S+ \(c\) is up: accepted a connection")
        assert await supervised.get("/-/ready") == (200, "ready\n")
        assert await supervised.get("/-/healthy") == (200, "healthy\n")

    beside_node(scenario)


def test_it_is_not_ready_while_no_node_is_up_and_says_why() -> None:
    async def scenario() -> None:
        async with supervisor(config_for(DEAD_NODE)) as supervised:
            await supervised.is_up()
            await supervised.logged(r"WARNING .* node 127.0.0.1:9 \(c\) is down: cannot connect: Connection refused")
            status, text = await supervised.get("/-/ready")
            assert (status, text) == (
                503,
                "not ready: no node is proven up (down: 1); see /api/v1/nodes for the reasons\n",
            )
            assert (await supervised.get("/-/healthy"))[0] == 200

    asyncio.run(scenario())


def test_nodes_are_shown_with_what_the_probes_say() -> None:
    async def scenario() -> None:
        async with node() as url, supervisor(config_for(url, DEAD_NODE)) as supervised:
            await supervised.is_up()
            await supervised.logged("is up")
            await supervised.logged("is down")
            status, text = await supervised.get("/api/v1/nodes")
            live, dead = json.loads(text)["nodes"]
            assert status == 200
            assert (live["url"], live["state"], live["last_probe"]) == (url, "up", "good: accepted a connection")
            assert (dead["name"], dead["state"]) == ("127.0.0.1:9", "down")
            assert dead["last_probe"] == "bad: cannot connect: Connection refused"
            assert dead["addresses"] == ["127.0.0.1"]

    asyncio.run(scenario())


def test_metrics_cover_workers_nodes_and_what_the_data_paths_counted() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        await supervised.logged("is up")
        for _ in range(5):
            await supervised.ask()
        _, text = await supervised.get("/metrics")
        lines = text.splitlines()
        assert "s3edge_connections_total 5.0" in lines
        assert "s3edge_workers 2.0" in lines
        assert "s3edge_worker_restarts_total 0.0" in lines
        name = url.removeprefix("http://")
        assert f's3edge_node_state{{cluster="c",node="{name}",state="up"}} 1.0' in lines
        assert f's3edge_probes_total{{cluster="c",node="{name}",kind="shallow",verdict="bad"}} 0.0' in lines

    beside_node(scenario, workers=2)


def test_events_of_workers_and_of_probes_are_shown_in_one_row(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        await supervised.logged("is up")
        await supervised.ask()
        await supervised.get("/metrics")  # asks the worker for a beat
        status, text = await supervised.get("/api/v1/events")
        turned, probed = json.loads(text)["events"]
        assert status == 200
        assert (turned["sequence"], turned["worker"], turned["event"]) == (1, None, "NodeTurned")
        assert turned["text"] == f"{url.removeprefix('http://')} is up: accepted a connection"
        assert (probed["sequence"], probed["worker"], probed["text"]) == (2, 0, "n1 is tried by one request")
        (tmp_path / "now").touch()  # by the wall clock
        age = (tmp_path / "now").stat().st_mtime - datetime.fromisoformat(probed["time"]).timestamp()
        assert -1 < age < LIMIT

    beside_node(scenario)


def test_a_drained_node_is_kept_from_old_and_new_workers_until_it_is_undrained() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        await supervised.logged("is up")
        name = url.removeprefix("http://")
        status, text = await supervised.post(f"/api/v1/nodes/{name}/drain")
        assert (status, json.loads(text)["state"]) == (200, "drained")
        old, _, told = await supervised.ask()
        assert told == f"{name}=down,{name}@=127.0.0.1"
        assert await supervised.get("/-/ready") == (
            503,
            "not ready: no node is proven up (drained: 1); see /api/v1/nodes for the reasons\n",
        )
        os.kill(old, signal.SIGKILL)
        await supervised.logged("replacing it")
        await supervised.logged("takes connections(.|\n)*takes connections")
        new, _, told = await supervised.ask()
        assert new != old
        assert told == f"{name}=down,{name}@=127.0.0.1"
        status, text = await supervised.post(f"/api/v1/nodes/{name}/undrain")
        assert (status, json.loads(text)["state"]) == (200, "up")
        assert (await supervised.ask())[2] == f"{name}=up,{name}@=127.0.0.1"

    beside_node(scenario)


def test_a_pinned_client_is_held_by_old_and_new_workers_until_it_is_released() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        await supervised.logged("is up")
        assert (await supervised.post("/api/v1/clients/10.0.0.7/pin?rate=5/s"))[0] == 200
        await supervised.logged("client 10.0.0.7 is held to 5.0 requests/s: pinned by the operator")
        held = "client 10.0.0.7=5.0 requests/s, None bytes/s"
        await supervised.get("/metrics")  # answered by the worker after what it was told before
        old, _, told = await supervised.ask()
        assert held in told
        os.kill(old, signal.SIGKILL)
        await supervised.logged("replacing it")
        await supervised.logged("takes connections(.|\n)*takes connections")
        new, _, told = await supervised.ask()
        assert new != old
        assert held in told
        _, text = await supervised.get("/metrics")
        assert 's3edge_source_rate{kind="client",source="10.0.0.7"} 5.0' in text
        assert 's3edge_sources{kind="client",state="pinned"} 1.0' in text
        assert (await supervised.post("/api/v1/clients/10.0.0.7/release"))[0] == 200
        await supervised.logged("client 10.0.0.7 is let go: released by the operator")
        await supervised.get("/metrics")  # answered by the worker after what it was told before
        assert "client 10.0.0.7=None requests/s, None bytes/s" in (await supervised.ask())[2]

    beside_node(scenario)


def test_workers_learn_of_nodes_that_go_and_come_back() -> None:
    async def scenario() -> None:
        async with node() as url:
            port = int(url.rpartition(":")[2])
            config = config_for(url)
            running = supervisor(config)
            supervised = await running.__aenter__()
            await supervised.is_up()
            await supervised.logged("is up")
        try:
            name = url.removeprefix("http://")
            await supervised.logged("is down")
            await supervised.get("/metrics")  # answered by the worker after what it was told before
            assert (await supervised.ask())[2] == f"{name}=down,{name}@=127.0.0.1"
            supervised.log = ""
            server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
            async with server:
                await supervised.logged("is up")
                await supervised.get("/metrics")
                assert (await supervised.ask())[2] == f"{name}=up,{name}@=127.0.0.1"
        finally:
            await running.__aexit__(None, None, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_flows_and_the_exit_code_is_0(number: signal.Signals) -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        async with flow_to(supervised.clients) as flow:
            pid, _, _ = await flow.ask()
            supervised.kill(number)
            await refused(supervised.clients)
            assert (await flow.ask())[0] == pid
            assert await supervised.get("/-/ready") == (503, "not ready: draining\n")
            assert (await supervised.get("/metrics"))[0] == 200
        assert await supervised.end() == 0
        assert f"{number.name}: draining; send it again to stop at once" in supervised.log
        assert "Traceback" not in supervised.log

    beside_node(scenario)


def test_flows_that_outlast_the_deadline_are_cut_and_the_exit_code_is_0() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        async with flow_to(supervised.clients) as flow:
            await flow.ask()
            supervised.kill(signal.SIGTERM)
            assert await flow.is_closed()
            assert await supervised.end() == 0

    beside_node(scenario, drain=0.1)


def test_a_second_signal_stops_at_once() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        async with flow_to(supervised.clients) as flow:
            await flow.ask()
            supervised.kill(signal.SIGTERM)
            await supervised.logged("SIGTERM: draining")
            supervised.kill(signal.SIGINT)
            assert await flow.is_closed()
            assert await supervised.end() == 0
        assert "SIGINT again: stopping at once" in supervised.log

    beside_node(scenario, drain=10 * LIMIT)


def test_a_signal_during_the_start_ends_it() -> None:
    async def scenario() -> None:
        async with supervisor(config_for(DEAD_NODE)) as supervised:
            await supervised.logged("clients at")
            supervised.kill(signal.SIGTERM)
            assert await supervised.end() == 0
        assert "Traceback" not in supervised.log

    asyncio.run(scenario())


def test_a_killed_worker_is_replaced_and_no_counter_falls() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        first, _, _ = await supervised.ask()
        assert "s3edge_connections_total 1.0" in (await supervised.get("/metrics"))[1]
        supervised.log = ""
        os.kill(first, signal.SIGKILL)
        await supervised.logged("worker 0 was killed by SIGKILL; replacing it")
        await supervised.logged("takes connections")
        second, _, _ = await supervised.ask()
        text = (await supervised.get("/metrics"))[1]
        assert second != first
        assert "s3edge_connections_total 2.0" in text
        assert "s3edge_worker_restarts_total 1.0" in text

    beside_node(scenario)


def test_workers_do_not_outlive_a_killed_supervisor() -> None:
    async def scenario(supervised: Supervised, url: str) -> None:
        pid, _, _ = await supervised.ask()
        descriptor = os.pidfd_open(pid)
        supervised.kill(signal.SIGKILL)
        ended, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], LIMIT)
        os.close(descriptor)
        assert ended
        assert not await is_accepting(supervised.clients)

    beside_node(scenario)


def run_to_its_end(config: Config, mode: str = "serve") -> tuple[int, str]:
    """Exit code and log of a supervisor that cannot start."""

    async def scenario() -> tuple[int, str]:
        async with supervisor(config, mode) as supervised:
            return await supervised.end(), supervised.log

    return asyncio.run(scenario())


def test_workers_that_cannot_start_end_it_with_one_line_and_exit_code_1() -> None:
    code, log = run_to_its_end(config_for(DEAD_NODE), "refuse")
    assert code == 1
    assert log.splitlines()[-1] == "s3edge: the moon is in the way; wait for the next one"
    assert "Traceback" not in log


@pytest.mark.parametrize("part", ["listen", "admin"])
def test_a_port_in_use_ends_it_with_one_line_and_exit_code_1(part: str) -> None:
    holder = listen_alone(Address("127.0.0.1", 0)) if part == "admin" else listen_shared(Address("127.0.0.1", 0), 1)[0]
    with holder:
        data = config_for(DEAD_NODE).model_dump(mode="json")
        data[part]["address"] = "{}:{}".format(*holder.getsockname())
        code, log = run_to_its_end(Config.model_validate(data))
    assert code == 1
    assert log.startswith(f"s3edge: cannot listen on {data[part]['address']}: another process already uses it")
    assert log.count("\n") == 1


def test_an_unreadable_certificate_ends_it_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    code, log = run_to_its_end(config_for(DEAD_NODE, tls=(tmp_path / "edge.pem", tmp_path / "edge.key")))
    assert code == 1
    assert log == f"s3edge: cannot read the certificate {tmp_path}/edge.pem: No such file or directory\n"


def test_an_unreadable_ca_ends_it_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    data = config_for("https://127.0.0.1:9").model_dump(mode="json")
    data["clusters"][0]["tls"]["ca"] = str(tmp_path / "ca.pem")
    code, log = run_to_its_end(Config.model_validate(data))
    assert (code, log) == (1, f"s3edge: cannot read the CA file {tmp_path}/ca.pem: No such file or directory\n")


def test_node_names_that_nobody_knows_end_it_with_exit_code_1() -> None:
    code, log = run_to_its_end(config_for("http://no-such-node.invalid:9000"))
    assert code == 1
    assert "s3edge: no node can be reached by name: 'no-such-node.invalid'" in log.splitlines()[-1]


def issue(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key as files."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "edge.pem")
    issued.private_key_pem.write_to_path(folder / "edge.key")
    return folder / "edge.pem", folder / "edge.key"


def test_sighup_has_workers_take_a_new_certificate_but_never_a_bad_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate, key = issue(tmp_path)
        async with supervisor(config_for(DEAD_NODE, tls=(certificate, key))) as supervised:
            await supervised.is_up()
            issue(tmp_path)
            supervised.kill(signal.SIGHUP)
            await supervised.logged(f"SIGHUP: taking the certificate {certificate} as it is now")
            await supervised.get("/metrics")  # answered by the worker after what it was told before
            assert (await supervised.ask())[1] == 1
            key.write_text("no key")
            supervised.kill(signal.SIGHUP)
            await supervised.logged(f"ERROR .* SIGHUP: keeping the old certificate: the certificate {certificate} and")
            await supervised.get("/metrics")
            assert (await supervised.ask())[1] == 1

    asyncio.run(scenario())


def test_sighup_has_workers_open_the_access_log_again() -> None:
    async def scenario() -> None:
        async with supervisor(config_for(DEAD_NODE)) as supervised:
            await supervised.is_up()
            assert "access log" not in (await supervised.ask())[2]
            supervised.kill(signal.SIGHUP)
            await supervised.logged("SIGHUP: reading the configuration again")
            await supervised.get("/metrics")  # answered by the worker after what it was told before
            assert "access log=opened again" in (await supervised.ask())[2]

    asyncio.run(scenario())


def test_auto_means_a_worker_for_each_processor_that_the_process_may_use() -> None:
    config = config_for(DEAD_NODE, workers=3)
    assert worker_count(config) == 3
    assert worker_count(config.model_copy(update={"workers": "auto"})) == len(os.sched_getaffinity(0))
