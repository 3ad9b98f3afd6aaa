"""Chaos on a schedule: one storage node after the other is slow, hangs, or is gone, by the HTTP API of toxiproxy.

    python chaos.py --api http://toxiproxy:8474 --every 20 --lasting 8

Never more than one node at a time, so an erasure set of four can always be read and written. Ends with all healed.
Needs nothing but Python.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlsplit

API_SECONDS = 30.0
"""How long toxiproxy may take for an answer: a toxic goes when what it holds back has passed."""

Toxic = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """What befalls a node: toxics on what passes, or no connection at all."""

    words: str
    toxics: Sequence[Toxic] = ()
    is_away: bool = False


FAULTS = (
    Fault(
        "is slow: 300 ms late, 1 MB/s",
        # One toxic for each direction: toxiproxy 2.5 takes 15 s to take two away under load, and may crash after that.
        (
            {"type": "latency", "stream": "upstream", "attributes": {"latency": 300, "jitter": 50}},
            {"type": "bandwidth", "stream": "downstream", "attributes": {"rate": 1000}},  # kB/s
        ),
    ),
    Fault(
        "hangs: connections are accepted, nothing passes",
        # A time-out of 0 never closes: bytes stay where they are until the toxic is taken away.
        (
            {"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}},
            {"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}},
        ),
    ),
    Fault("is gone: its connections are cut, new ones refused", is_away=True),
)


class Toxiproxy:
    """The HTTP API of a running toxiproxy. Each method raises OSError when it is not reached or refuses."""

    def __init__(self, api: str) -> None:
        self._api = api.rstrip("/")
        # Proxies of the environment are not meant for a neighbour.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def nodes(self) -> list[str]:
        """The names of all proxies, in order."""
        return sorted(self._ask("GET", "/proxies"))

    def break_node(self, name: str, fault: Fault) -> None:
        path = f"/proxies/{quote(name, safe='')}"
        if fault.is_away:
            self._ask("POST", path, {"enabled": False})
        for toxic in fault.toxics:
            self._ask("POST", f"{path}/toxics", toxic)

    def heal(self) -> None:
        """Every node is as it was."""
        self._ask("POST", "/reset")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self._api}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with self._opener.open(request, timeout=API_SECONDS) as answer:
            return json.loads(answer.read() or b"null")


def schedule(nodes: Sequence[str], rng: random.Random) -> Iterator[tuple[str, Fault]]:
    """Whom what befalls, for ever: faults take turns, and no node is hit twice in a row unless it is the only one."""
    last = ""
    for fault in cycle(FAULTS):
        last = rng.choice([node for node in nodes if node != last] or list(nodes))
        yield last, fault


def run(toxiproxy: Toxiproxy, every: float, lasting: float, rng: random.Random, ended: threading.Event) -> None:
    """Break a node each `every` seconds for `lasting` seconds until `ended`. Raises OSError."""
    toxiproxy.heal()
    nodes = toxiproxy.nodes()
    print(f"chaos over {', '.join(nodes)}: every {every:g} s, for {lasting:g} s", flush=True)
    try:
        for node, fault in schedule(nodes, rng):
            if ended.wait(every - lasting):
                return
            print(f"{node} {fault.words}", flush=True)
            toxiproxy.break_node(node, fault)
            is_over = ended.wait(lasting)
            toxiproxy.heal()
            print(f"{node} is back", flush=True)
            if is_over:
                return
    finally:
        toxiproxy.heal()


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Break one storage node after the other by toxiproxy.")
    parser.add_argument("--api", default="http://127.0.0.1:8474", help="of toxiproxy (default %(default)s)")
    parser.add_argument(
        "--every", type=float, default=20, help="seconds from one fault to the next (default %(default)g)"
    )
    parser.add_argument("--lasting", type=float, default=8, help="seconds that a fault lasts (default %(default)g)")
    parser.add_argument("--seed", type=int, help="for the same order of nodes again (default: another each time)")
    arguments = parser.parse_args(argv)
    if not 0 < arguments.lasting < arguments.every:
        parser.error("--lasting must be more than 0 and less than --every")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    nodes, host = os.environ.get("STORAGE_NODES", ""), urlsplit(arguments.api).hostname or ""
    if nodes and host not in nodes:
        print(f"chaos: s3edge reaches its nodes by {nodes}, not by {host}: start with chaos.env", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        run(Toxiproxy(arguments.api), arguments.every, arguments.lasting, random.Random(arguments.seed), ended)
    except OSError as error:
        print(f"chaos: toxiproxy at {arguments.api}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
