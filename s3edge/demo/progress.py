"""What the demo shows while it runs: one live line on a terminal, one line a second elsewhere."""

import asyncio
from typing import Any

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.text import Text

from s3edge.demo.reader import Tally

PERIOD = 1.0  # seconds between two lines
ADMIN_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
STYLES = {"up": "green", "down": "red"}


class Progress:
    """Reports a tally, and the nodes' states as the admin server at the URL `admin` tells them."""

    def __init__(self, console: Console, tally: Tally, admin: str) -> None:
        self._console = console
        self._tally = tally
        self._url = f"{admin}/api/v1/nodes"
        self._objects = 0
        self._octets = 0

    async def run(self) -> None:
        """Report until cancelled."""
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(timeout=ADMIN_TIMEOUT) as session:
            with Live(console=self._console, auto_refresh=False) as live:
                before = loop.time()
                while True:
                    await asyncio.sleep(PERIOD)
                    nodes = await self._nodes(session)
                    now = loop.time()
                    self._show(live, self._line(nodes, now - before))
                    before = now

    def _show(self, live: Live, line: Text) -> None:
        if self._console.is_terminal:
            live.update(line, refresh=True)
        else:
            self._console.print(line, soft_wrap=True)

    async def _nodes(self, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        """The nodes as the admin server describes them; none when it does not answer."""
        try:
            async with session.get(self._url) as answer:
                nodes: list[dict[str, Any]] = (await answer.json())["nodes"]
                return nodes
        except (aiohttp.ClientError, TimeoutError):
            return []

    def _line(self, nodes: list[dict[str, Any]], seconds: float) -> Text:
        objects = (self._tally.objects - self._objects) / seconds
        octets = (self._tally.octets - self._octets) / seconds
        self._objects, self._octets = self._tally.objects, self._tally.octets
        errors = self._tally.errors
        line = Text(f"{objects:5.0f} objects/s {octets / 2**20:5.0f} MiB/s  ")
        line.append(f"{errors} errors at the client", style="red" if errors else "")
        for node in nodes:
            line.append(f"  :{node['name'].rpartition(':')[2]} ")  # the host is the same for all
            line.append(node["state"], style=STYLES.get(node["state"], "yellow"))
        return line
