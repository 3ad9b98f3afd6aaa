"""Chaos natively: toxiproxy between s3edge and its nodes, and the schedule of compose/chaos."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.child import running
from loadtests.cluster.edge import ROOT
from loadtests.ports import answers, free_ports

PROGRAMS = ("toxiproxy-server", "toxiproxy")
"""What it is called in its releases and in its image."""


class ToxiproxyError(Exception):
    """There is no toxiproxy."""


@contextmanager
def running_toxiproxy(urls: Sequence[str], folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Proxies in front of nodes: the URL of the API, and those by which the nodes are reached now.

    Raises ToxiproxyError, ChildError.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise ToxiproxyError(
            f"neither {' nor '.join(PROGRAMS)} on PATH; "
            "with Go: go install github.com/Shopify/toxiproxy/v2/cmd/server@latest, and rename it"
        )
    api, *ports = free_ports(len(urls) + 1)
    proxies = [
        {"name": f"node{number}", "listen": f"127.0.0.1:{port}", "upstream": urlsplit(url).netloc, "enabled": True}
        for number, (url, port) in enumerate(zip(urls, ports, strict=True), start=1)
    ]
    config = folder / "proxies.json"
    config.write_text(json.dumps(proxies))
    argv = [program, "-host", "127.0.0.1", "-port", str(api), "-config", str(config)]
    with running("toxiproxy", argv, folder, lambda: answers(api, "/proxies")):
        yield f"http://127.0.0.1:{api}", tuple(f"http://127.0.0.1:{port}" for port in ports)


@contextmanager
def in_chaos(urls: Sequence[str], folder: Path) -> Iterator[tuple[str, ...]]:
    """The URLs by which nodes are reached while one after the other is slow, hangs, or is gone; `chaos.log` says which.

    Raises ToxiproxyError, ChildError.
    """
    with running_toxiproxy(urls, folder) as (api, reached):
        argv = [sys.executable, str(ROOT / "compose" / "chaos" / "chaos.py"), "--api", api]
        with running("chaos", argv, folder, lambda: "chaos over" in (folder / "chaos.log").read_text()):
            yield reached
