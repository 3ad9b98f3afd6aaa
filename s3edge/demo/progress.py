"""What the demo shows while it runs: one live line on a terminal, one line a second elsewhere."""

import asyncio

from rich.console import Console
from rich.live import Live
from rich.text import Text

from s3edge.demo.reader import Tally
from s3edge.demo.watch import Hidden, Sight, Watch

PERIOD = 1.0  # seconds between two lines
STYLES = {"up": "green", "down": "red"}


class Progress:
    """Reports a tally, and what the admin server at the URL `admin` tells; `hidden` is the last that it told."""

    def __init__(self, console: Console, tally: Tally, admin: str) -> None:
        self.hidden = Hidden()
        self._console = console
        self._tally = tally
        self._admin = admin
        self._objects = 0
        self._octets = 0

    async def run(self) -> None:
        """Report until cancelled."""
        loop = asyncio.get_running_loop()
        async with Watch(self._admin) as watch:
            with Live(console=self._console, auto_refresh=False) as live:
                before = loop.time()
                while True:
                    await asyncio.sleep(PERIOD)
                    sight = await watch.look()
                    now = loop.time()
                    self._show(live, sight, now - before)
                    before = now

    def _show(self, live: Live, sight: Sight | None, seconds: float) -> None:
        if sight is not None:
            self.hidden = sight.hidden
            for event in sight.news:
                self._console.print(f"s3edge   {event}", soft_wrap=True, markup=False)
        line = self._line({} if sight is None else sight.states, seconds)
        if self._console.is_terminal:
            live.update(line, refresh=True)
        else:
            self._console.print(line, soft_wrap=True)

    def _line(self, states: dict[str, str], seconds: float) -> Text:
        objects = (self._tally.objects - self._objects) / seconds
        octets = (self._tally.octets - self._octets) / seconds
        self._objects, self._octets = self._tally.objects, self._tally.octets
        errors = self._tally.errors
        line = Text(f"{objects:5.0f} objects/s {octets / 2**20:5.0f} MiB/s  ")
        line.append(f"{errors} errors at the client", style="red" if errors else "")
        line.append(f"  hidden: {self.hidden}")
        for name, state in states.items():
            line.append(f"  :{name.rpartition(':')[2]} ")  # the host is the same for all
            line.append(state, style=STYLES.get(state, "yellow"))
        return line
