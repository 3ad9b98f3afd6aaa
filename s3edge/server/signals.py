"""The signals that an operator sends to the supervisor."""

import asyncio
import logging
import signal
from collections.abc import Callable

log = logging.getLogger(__name__)


class Signals:
    """SIGTERM and SIGINT ask to stop, a second one of them at once; SIGHUP asks to read files again."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.stop_at_once = asyncio.Event()

    def install(self, reload: Callable[[], None]) -> None:
        """Take the signals of this process from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask, number)
        loop.add_signal_handler(signal.SIGHUP, reload)

    def _ask(self, number: signal.Signals) -> None:
        if self.stop.is_set():
            log.warning("%s again: stopping at once", number.name)
            self.stop_at_once.set()
        else:
            log.info("%s: draining; send it again to stop at once", number.name)
            self.stop.set()
