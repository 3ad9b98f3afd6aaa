"""The schedule of compose/chaos, against a toxiproxy that notes what it is told, and against a real one."""

import http.client
import json
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from compose.chaos.chaos import FAULTS, Fault, Toxiproxy, main, parse_arguments, run, schedule
from loadtests.cluster.toxiproxy import PROGRAMS, running_toxiproxy
from loadtests.misbehaving import misbehaving_nodes
from tests.support.objects import content

SLOW, HANGS, GONE = FAULTS


class Notes:
    """An HTTP server with toxiproxy's paths; it refuses what `refused` names."""

    def __init__(self, *nodes: str) -> None:
        self.told: list[tuple[str, str, Any]] = []
        self.refused = ""
        notes = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {node: {} for node in nodes})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                notes.told.append((self.command, self.path, json.loads(body or b"null")))
                self._answer(500 if self.path == notes.refused else 200, {})

            def _answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(autouse=True)
def as_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Signals and environment as a test finds them, since `main` takes both."""
    monkeypatch.delenv("STORAGE_NODES", raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def notes() -> Iterator[Notes]:
    each = Notes("minio1", "minio2")
    thread = threading.Thread(target=each.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield each
    each.server.shutdown()
    each.server.server_close()
    thread.join()


def test_faults_take_turns_and_no_node_is_hit_twice_in_a_row() -> None:
    hits = list(islice(schedule(["a", "b", "c", "d"], random.Random(1)), 60))
    assert [fault for _, fault in hits[:6]] == [SLOW, HANGS, GONE] * 2
    assert all(one != other for (one, _), (other, _) in pairwise(hits))
    assert {node for node, _ in hits} == {"a", "b", "c", "d"}


def test_a_single_node_is_hit_every_time() -> None:
    assert [node for node, _ in islice(schedule(["a"], random.Random(1)), 3)] == ["a"] * 3


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.words.split()[1].strip(":") for fault in FAULTS])
def test_no_fault_puts_two_toxics_in_one_direction(fault: Fault) -> None:
    directions = [toxic["stream"] for toxic in fault.toxics]
    assert len(set(directions)) == len(directions)
    assert bool(directions) != fault.is_away


def test_a_node_that_hangs_lets_nothing_pass_in_either_direction(notes: Notes) -> None:
    Toxiproxy(notes.api).break_node("minio1", HANGS)
    assert [(path, body["type"], body["stream"], body["attributes"]) for _, path, body in notes.told] == [
        ("/proxies/minio1/toxics", "timeout", "upstream", {"timeout": 0}),
        ("/proxies/minio1/toxics", "timeout", "downstream", {"timeout": 0}),
    ]


def test_a_node_that_is_gone_is_switched_off_until_all_is_healed(notes: Notes) -> None:
    toxiproxy = Toxiproxy(notes.api)
    toxiproxy.break_node("minio2", GONE)
    toxiproxy.heal()
    assert notes.told == [("POST", "/proxies/minio2", {"enabled": False}), ("POST", "/reset", None)]


def test_every_fault_is_healed_before_the_next_one_and_at_the_end(notes: Notes) -> None:
    ended = threading.Event()

    class Ending(random.Random):
        """Ends the chaos with the choice of the third node."""

        choices_left = 3

        def choice(self, seq: Any) -> Any:
            self.choices_left -= 1
            if self.choices_left == 0:
                ended.set()
            return seq[0]

    run(Toxiproxy(notes.api), 0.002, 0.001, Ending(), ended)
    paths = [path for _, path, _ in notes.told]
    healed, broken = "/reset", [f"/proxies/{name}/toxics" for name in ("minio1", "minio2") for _ in range(2)]
    assert paths == [healed, *broken[:2], healed, *broken[2:], healed, healed]


def test_a_toxiproxy_that_refuses_ends_the_chaos_with_all_healed(
    notes: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    notes.refused = "/proxies/minio2/toxics"
    assert main(["--api", notes.api, "--every", "0.002", "--lasting", "0.001"]) == 1
    assert notes.told[-1][1] == "/reset"
    assert "500" in capsys.readouterr().err


def test_without_toxiproxy_it_says_where_it_looked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--api", "http://127.0.0.1:1"]) == 1
    assert "toxiproxy at http://127.0.0.1:1" in capsys.readouterr().err


def test_it_refuses_to_break_what_s3edge_does_not_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_NODES", "http://minio{1...4}:9000")
    assert main(["--api", "http://toxiproxy:8474"]) == 2
    assert "start with chaos.env" in capsys.readouterr().err


@pytest.mark.parametrize("times", [["--lasting", "20"], ["--lasting", "0"], ["--every", "5"]])
def test_a_fault_must_end_before_the_next_one_begins(times: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(times)


@pytest.mark.wire
def test_a_real_toxiproxy_does_to_a_node_what_it_is_told(tmp_path: Path) -> None:
    if not any(map(shutil.which, PROGRAMS)):
        pytest.skip("no toxiproxy-server on PATH")
    path = "/bench/64KiB-1"

    def ask(url: str, patience: float) -> bytes:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=patience)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    with (
        misbehaving_nodes(1, tmp_path) as (node,),
        running_toxiproxy([node.url], tmp_path) as (api, (url,)),
    ):
        toxiproxy, (name,) = Toxiproxy(api), Toxiproxy(api).nodes()
        for fault, error in ((SLOW, TimeoutError), (HANGS, TimeoutError), (GONE, OSError)):
            toxiproxy.break_node(name, fault)
            with pytest.raises(error):
                ask(url, 0.2)
            toxiproxy.heal()
            assert ask(url, 10) == content(path, 0, 64 * 1024)
