"""The access log of one worker: its lines are made by the data path and go to where the configuration says."""

import asyncio
import time
from functools import partial

from s3edge.config.log import AccessLog as Settings
from s3edge.proxy.access_log import AccessLog, Lines
from s3edge.proxy.exchange import Exchanges
from s3edge.proxy.session import Sessions
from s3edge.telemetry.lines import LineLog
from s3edge.telemetry.meter import Meter

# What the last lines may take at the end, in seconds: half of the supervisor's grace (2 s).
LAST_LINES = 1.0


class AccessLogging:
    """Has exchanges and sessions tell their ends, if there is an access log. Raises StartError if it cannot be written.

    `number` is the worker's.
    """

    def __init__(self, number: int, settings: Settings, exchanges: Exchanges, sessions: Sessions, meter: Meter) -> None:
        self._settings = settings
        self._exchanges = exchanges
        self._sessions = sessions
        clock = time.monotonic  # noqa: TID251 - for a thread, which must not ask the loop
        loop = asyncio.get_running_loop()
        wall = time.time  # noqa: TID251 - people read these times; nothing is decided by them
        self._texts = Lines(number, loop.time, wall)
        self._lines = lines = LineLog(loop, clock, self._texts.of)
        meter.counter("s3edge_access_log_lines_total", (), partial(getattr, lines, "written"))
        meter.counter("s3edge_access_log_dropped_total", ("late",), partial(getattr, lines.late, "lines"))
        meter.counter("s3edge_access_log_dropped_total", ("failed",), partial(getattr, lines.failed, "lines"))
        lines.start(settings.to)
        self._make_lines()

    def configure(self, settings: Settings) -> None:
        """Log by other settings from now on. A file that cannot be opened is told in the log."""
        if settings == self._settings:
            return
        if settings.to != self._settings.to:
            self._lines.redirect(settings.to)
        self._settings = settings
        self._make_lines()

    def reopen(self) -> None:
        """Write on in a file of the same name, which is perhaps a new one."""
        self._lines.redirect(self._settings.to)

    def close(self) -> None:
        """Write what is left, for at most `LAST_LINES` seconds."""
        self._lines.close(LAST_LINES)

    def _make_lines(self) -> None:
        old, new = self._sessions.access_log, None
        if self._settings.to != "none":
            new = AccessLog(self._texts, self._lines.add, self._settings.successes)
        others = tuple(reader for reader in self._exchanges.readers if old is None or reader != old.ended)
        self._exchanges.readers = others if new is None else (*others, new.ended)
        self._sessions.access_log = new
