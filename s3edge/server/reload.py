"""The configuration of a running s3edge: read again when a file changes or an operator asks, then taken or refused."""

import asyncio
import logging
from collections.abc import Callable

from s3edge.admin.config import LastLoad, Loaded
from s3edge.config.diff import changes
from s3edge.config.fault import Faults
from s3edge.config.files import ConfigFiles
from s3edge.config.model import Config
from s3edge.events import ConfigApplied, ConfigRefused, Event

log = logging.getLogger(__name__)

# Seconds. A change is seen by one look and taken by the next, so that nobody's half-written file is read: then half a
# second is left of the one in which it is to be effective. A look at ten files takes 0.1 ms, one at a thousand 14 ms.
LOOK_EVERY = 0.25
# Looks may take this part of the time of a core; so a thousand files are looked at every 1.4 s.
LOOKING = 0.01


class Reloader:
    """Keeps the configuration in force, and calls `apply` with each new one; what was refused is in `last`.

    `config` is what `files` gave first; `wall` is the clock of people, in seconds. It calls `report` with what became
    of each configuration that differs.
    """

    def __init__(
        self,
        files: ConfigFiles,
        config: Config,
        apply: Callable[[Config], None],
        report: Callable[[Event], None],
        wall: Callable[[], float],
    ) -> None:
        self.config = config
        self.applied_at = wall()
        self.last = LastLoad(Loaded.APPLIED, self.applied_at)
        self.counts = dict.fromkeys(Loaded, 0)
        self._files = files
        self._apply = apply
        self._report = report
        self._wall = wall
        self._asked = asyncio.Event()
        self._now = asyncio.get_running_loop().time
        self._pause = LOOK_EVERY

    def ask(self) -> None:
        """Load again now, whether or not a file has changed."""
        self._asked.set()

    async def run(self) -> None:
        """Load whenever there is a reason to, until cancelled."""
        while True:
            if await self._is_asked() or await self._is_changed():
                self._asked.clear()
                await self._load()

    async def _is_asked(self) -> bool:
        """Whether an operator asks for it, until it is time for a look."""
        try:
            async with asyncio.timeout(self._pause if self._files.may_change else None):
                return await self._asked.wait()
        except TimeoutError:
            return False

    async def _is_changed(self) -> bool:
        began = self._now()
        is_changed = await asyncio.to_thread(self._files.has_changed)
        self._pause = max(LOOK_EVERY, (self._now() - began) / LOOKING)
        return is_changed

    async def _load(self) -> None:
        try:
            self._judge(await asyncio.to_thread(self._files.load))
        except Faults as faults:
            self._refuse(tuple(map(str, faults.faults)))
        except Exception:
            log.exception("the configuration cannot be loaded by a fault of s3edge itself; please report this")
            self._refuse(("a fault of s3edge itself, which the log shows",))
        self.counts[self.last.outcome] += 1

    def _refuse(self, lines: tuple[str, ...]) -> None:
        self.last = LastLoad(Loaded.REFUSED, self._wall(), faults=lines)
        log.error("the configuration stays as it was; faults in the new one: %d", len(lines))
        for line in lines:
            log.error("%s", line)
        more = f"; and {len(lines) - 1} more, see /api/v1/config" if len(lines) > 1 else ""
        self._report(ConfigRefused("", None, lines[0] + more))

    def _judge(self, new: Config) -> None:
        found, now = changes(self.config, new), self._wall()
        if found.needs_restart:
            self.last = LastLoad(Loaded.NEEDS_RESTART, now, needs_restart=found.needs_restart)
            names = ", ".join(found.needs_restart)
            log.error("the configuration stays as it was; what the new one changes takes a restart: %s", names)
            self._report(ConfigRefused("", None, f"what it changes takes a restart: {names}"))
            return
        self.last = LastLoad(Loaded.APPLIED, now)
        if not found.live:
            log.info("the configuration is the same as before")
            return
        self._apply(new)
        self.config = new
        self.applied_at = now
        changed = ", ".join(found.live)
        log.info("the new configuration is in force; it changes %s", changed)
        self._report(ConfigApplied("", None, changed))
