"""The access log of real workers: it counts as clients and metrics do, and no file or pipe holds up requests."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loadtests.ports import free_ports
from tests.support.client import Client
from tests.support.faults import Closes, DiesAfter, Fails
from tests.support.node import Node, NodeEnd, ok
from tests.support.serving import serving
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service
from tests.wire.wiring import until

pytestmark = pytest.mark.wire

GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
CLIENTS = 12
ROUNDS = 8
# Enough for more lines than a pipe and the backlog hold.
KEY = "k" * 1000


def lines_of(*files: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def node(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await end.send(ok(b"x"))


@dataclass
class Seen:
    """What the clients saw."""

    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    sent: int = 0
    received: int = 0

    async def ask(self, client: Client, method: str, path: str, body: bytes = b"", *fields: bytes) -> None:
        framing = (b"Content-Length: %d" % len(body),) if body else ()
        line = f"{method} {path} HTTP/1.1".encode()
        await client.send(b"\r\n".join((line, b"Host: s3", *framing, *fields, b"", body)))
        response = await client.read_response(method)
        request_id = response.header(b"x-amz-request-id") or b""
        self.answers[method, response.status, request_id.decode()] += 1
        self.received += len(body)
        self.sent += len(response.body)


def test_counts_and_bytes_of_two_workers_are_those_of_clients_and_metrics(tmp_path: Path) -> None:
    async def one(edge: Service, seen: Seen, number: int) -> None:
        async with edge.dial() as client:
            for turn in range(ROUNDS):
                mine = f"{number}-{turn}"
                await seen.ask(client, "GET", f"/bucket/300KiB-{mine}")
                await seen.ask(client, "GET", f"/bucket/64KiB-{mine}", b"", b"Range: bytes=100-9999")
                await seen.ask(client, "HEAD", f"/bucket/1KiB-{mine}")
                await seen.ask(client, "PUT", f"/bucket/1B-{mine}", bytes(1000 * (number + turn) + 1))
                await seen.ask(client, "DELETE", f"/bucket/1B-{mine}")
                await seen.ask(client, "GET", f"/bucket/1B-{mine}")

    async def main() -> tuple[Seen, dict[str, float]]:
        seen, faults = Seen(), ((DiesAfter(100_000, next=3, at_least=200_000),), (Closes(next=3), Fails(500, next=6)))
        async with AsyncExitStack() as stack:
            nodes = [await stack.enter_async_context(serving(*each)) for each in faults]
            urls = [f"http://{LOCAL}:{node.port}" for node in nodes]
            edge = stack.enter_context(service(tmp_path, *urls, workers=2, access_log={"to": "access.log"}))
            async with asyncio.TaskGroup() as group:
                for number in range(CLIENTS):
                    group.create_task(one(edge, seen, number), name=f"client {number}")
            names = ("exchanges", "sent_bytes", "received_bytes", "resumes", "attempts")
            counts = {name: await edge.metric(f"s3edge_{name}_total") for name in names}
        return seen, counts

    seen, counts = asyncio.run(main())
    lines = lines_of(tmp_path / "access.log")
    assert len(lines) == seen.answers.total() == counts["exchanges"] == CLIENTS * ROUNDS * 6
    assert {line["worker"] for line in lines} == {0, 1}
    told = Counter((line["method"], line["status"], line.get("request_id", "")) for line in lines)
    assert told == seen.answers
    assert sum(line["sent"] for line in lines) == counts["sent_bytes"] == seen.sent
    assert sum(line["received"] for line in lines) == counts["received_bytes"] == seen.received
    assert sum(line.get("resumes", 0) for line in lines) == counts["resumes"] > 0
    assert sum(line["attempts"] for line in lines) == counts["attempts"] > len(lines)


async def keep_asking(edge: Service, is_over: asyncio.Event) -> int:
    count = 0
    async with edge.dial() as client:
        while not is_over.is_set():
            await client.send(GET.replace(b"key", KEY.encode()))
            assert (await client.read_response()).status == 200
            count += 1
    return count


def test_no_line_is_lost_or_torn_as_files_are_rotated_under_load(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    rotated = [tmp_path / f"access.log.{number}" for number in range(5)]

    async def main(edge: Service, sock: NodeSocket) -> int:
        is_over = asyncio.Event()
        async with sock.played_by(Node(node)), asyncio.TaskGroup() as group:
            clients = [group.create_task(keep_asking(edge, is_over), name=f"client {n}") for n in range(8)]
            for old in rotated:
                await until(lambda: path.exists() and path.stat().st_size > 0)
                path.rename(old)
                edge.child.process.send_signal(signal.SIGHUP)
            await until(path.exists)
            is_over.set()
        return sum(client.result() for client in clients)

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", workers=2, access_log={"to": str(path)}) as edge:
        asked = asyncio.run(main(edge, sock))
    sock.close()
    assert len(lines_of(path, *rotated)) == asked
    assert all(file.stat().st_mode & 0o777 == 0o640 for file in (path, *rotated))


def test_a_pipe_whose_reader_does_nothing_costs_lines_and_no_request(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 65_536)

    async def main(edge: Service, sock: NodeSocket) -> int:
        is_over = asyncio.Event()
        async with sock.played_by(Node(node)), asyncio.TaskGroup() as group:
            clients = [group.create_task(keep_asking(edge, is_over), name=f"client {n}") for n in range(8)]
            async with asyncio.timeout(limit(4)):
                while not await edge.metric('s3edge_access_log_dropped_total{cause="late"}'):  # noqa: ASYNC110  # as operators do
                    await asyncio.sleep(0.1)
            is_over.set()
        return sum(client.result() for client in clients)

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", access_log={"to": str(pipe)}) as edge:
        asked = asyncio.run(main(edge, sock))
    sock.close()
    read = os.read(reader, 1 << 20)
    os.close(reader)
    assert read.endswith(b"\n")
    assert 40 < read.count(b"\n") < 65
    assert all(json.loads(line)["key"] == KEY for line in read.splitlines())
    [first, *_] = [line for line in (tmp_path / "s3edge.log").read_text().splitlines() if "access log" in line]
    assert "lines were not written: what takes them does not keep up" in first
    assert asked > len(read.splitlines())


@pytest.mark.parametrize("to", ["/dev/full", "pipe"])
def test_what_takes_no_line_at_all_costs_no_request(tmp_path: Path, to: str) -> None:
    reader = -1
    if to == "pipe":
        os.mkfifo(tmp_path / to)
        reader = os.open(tmp_path / to, os.O_RDONLY | os.O_NONBLOCK)

    async def main(edge: Service, sock: NodeSocket) -> None:
        async with sock.played_by(Node(node)), edge.dial() as client:
            if to == "pipe":
                os.close(reader)
            for _ in range(3):
                await client.send(GET)
                assert (await client.read_response()).body == b"x"
            async with asyncio.timeout(limit(1)):
                while await edge.metric('s3edge_access_log_dropped_total{cause="failed"}') < 3:  # noqa: ASYNC110  # as operators do
                    await asyncio.sleep(0.02)

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", access_log={"to": to}) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
    reason = "No space left on device" if to == "/dev/full" else "Broken pipe"
    assert reason in (tmp_path / "s3edge.log").read_text()


def test_standard_output_has_the_access_log_alone_also_once_nobody_reads_it(tmp_path: Path) -> None:
    port, admin = free_ports(2)
    file = tmp_path / "s3edge.yaml"
    config = {
        "listen": {"address": f"{LOCAL}:{port}"},
        "admin": {"address": f"{LOCAL}:{admin}"},
        "workers": 2,
        "access_log": {"to": "stdout"},
        "clusters": [{"name": "c", "nodes": [f"http://{LOCAL}:{free_ports(1)[0]}"], "health": {"preset": "tcp"}}],
    }
    file.write_text(json.dumps(config))
    command = (sys.executable, "-m", "s3edge", "serve", "--config", str(file))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for _ in range(2):
                while b"takes connections" not in process.stderr.readline():
                    assert process.poll() is None
            ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{LOCAL}:{port}/bucket/key"]
            assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "503"
            line = json.loads(process.stdout.readline())
            assert (line["bucket"], line["key"], line["status"]) == ("bucket", "key", 503)
            process.stdout.close()
            for _ in range(3):
                assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "503"
            process.terminate()
            log = [json.loads(line) for line in process.stderr.read().splitlines()]
            assert process.wait(limit(1)) == 0
        finally:
            process.kill()
    lost = [line["message"].split() for line in log if line["logger"] == "s3edge.telemetry.lines"]
    assert sum(int(words[2]) for words in lost) == 3
    assert lost[0][-2:] == ["Broken", "pipe"]
    assert not [line for line in log if "exception" in line]


def test_a_file_that_cannot_be_written_ends_the_start_with_a_line(tmp_path: Path) -> None:
    file = tmp_path / "s3edge.yaml"
    os.mkfifo(tmp_path / "pipe")
    port, admin = free_ports(2)
    file.write_text(
        f"listen: {{address: '{LOCAL}:{port}'}}\nadmin: {{address: '{LOCAL}:{admin}'}}\nworkers: 1\n"
        "clusters: [{name: c, nodes: ['http://127.0.0.1:9']}]\naccess_log: {to: pipe}\n"
    )
    command = (sys.executable, "-m", "s3edge", "serve", "--config", str(file))
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit(3), check=False)
    assert done.returncode == 1
    message = f"s3edge: cannot write the access log {tmp_path}/pipe: No such device or address"
    assert done.stderr.splitlines()[-1] == message
