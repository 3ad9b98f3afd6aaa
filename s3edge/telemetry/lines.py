"""Lines on their way from the data path to a file or a pipe: noted at once, written by a thread, lost rather than late.

The data path appends what a line is made of to a list. Some dozens of these become lines in one go, which costs less
than one by one. A few hundred lines, or those of a tenth of a second, become one batch, and a thread writes it: it
holds up nobody, whatever the disk or the reader of the pipe does.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from s3edge.errors import StartError
from s3edge.telemetry.outlet import Outlet

log = logging.getLogger(__name__)

To: TypeAlias = Path | Literal["none", "stdout"]
"""Where lines go."""

Record = TypeVar("Record")
"""What a line is made of."""

# Records that become lines in one go: they take the worker's loop some 60 us, half as long as it takes to check 1 MiB.
PART: Final = 32
# Lines that make a batch, which a worker at full load gives to the thread 40 times a second.
BATCH: Final = 16 * PART
# Seconds. How old a line may become before the thread has it.
AGE: Final = 0.1
# Bytes that wait for the thread: what a worker at full load writes in a second.
BACKLOG: Final = 8 << 20
# Seconds that a thread which waits for room in a pipe has to notice that nobody waits for it: a few of its looks.
LAST_LOOK: Final = 0.5
# Seconds between two lines of the log which say that lines are lost.
TELL_EVERY: Final = 60.0


class Losses:
    """Lines that are lost for one kind of reason, which the log says at most once a minute; `now` is in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lines = 0
        self._now = now
        self._told = 0
        self._tell_at = float("-inf")

    def add(self, lines: int, reason: str) -> None:
        """So many more are lost."""
        self.lines += lines
        if self._now() >= self._tell_at:
            self._tell_at = self._now() + TELL_EVERY
            self.tell(reason)

    def tell(self, reason: str) -> None:
        """Say at once what was not said yet."""
        if self.lines > self._told:
            log.warning("access log: %d lines were not written: %s", self.lines - self._told, reason)
            self._told = self.lines


class LineLog(Generic[Record]):
    """The lines of one worker, which go nowhere until `start`; `clock` is for the thread, in seconds.

    `made_of` makes lines of records: of ASCII, each with its end and of at most `LONGEST_LINE` bytes.
    `written` counts the lines that were written, `late` those that were lost since too many waited, `failed` those that
    file or pipe did not take.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        made_of: Callable[[Sequence[Record]], str],
    ) -> None:
        self.late = Losses(loop.time)
        self._loop = loop
        self._made_of = made_of
        self._records: list[Record] = []
        self._batch = bytearray()
        self._count = 0  # of the lines in the batch
        self._timer: asyncio.TimerHandle | None = None
        self._handed_lines = self._handed_bytes = 0
        self._is_given_up = False
        self._queue: SimpleQueue[tuple[bytearray, int] | To | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="access log", daemon=True)
        # From here on the thread's own; the loop only reads them.
        self.written = 0
        self.failed = Losses(clock)
        self._done_bytes = 0
        self._outlet: Outlet | None = None

    def start(self, to: To) -> None:
        """Write to `to` from now on. Raises StartError."""
        if to == "none":
            return
        try:
            self._outlet = Outlet(to)
        except OSError as error:
            raise StartError(f"cannot write the access log {to}: {error.strerror}") from error
        self._thread.start()

    def redirect(self, to: To) -> None:
        """Open `to`, perhaps the same file that now has another name, and write there what comes from now on.

        If that cannot be done, the log says so, and what is open stays in use.
        """
        self._hand_over()
        if self._thread.ident is None:
            if to == "none":
                return
            self._thread.start()
        self._queue.put(to)

    def add(self, record: Record) -> None:
        """Take what a line is made of, which must not change any more."""
        records = self._records
        records.append(record)
        if len(records) >= PART:
            self._make()
            if self._count >= BATCH:
                self._hand_over()
        elif self._timer is None:
            self._timer = self._loop.call_later(AGE, self._hand_over)

    def close(self, seconds: float) -> None:
        """Write all that was taken, for at most so many seconds, in which nothing else is done."""
        self._hand_over()
        if self._thread.ident is None:
            return
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._is_given_up = True
            self._thread.join(LAST_LOOK)  # to hear what it has written
            self.late.add(self._handed_lines - self.written - self.failed.lines, _TOO_SLOW)
        self.late.tell(_TOO_SLOW)
        self.failed.tell("see above")

    def _make(self) -> None:
        records, self._records = self._records, []  # at once: a fault in one of them must not come again and again
        self._batch += self._made_of(records).encode("ascii")
        self._count += len(records)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._make()
        batch, count, self._batch, self._count = self._batch, self._count, bytearray(), 0
        if not count:
            return
        if self._handed_bytes - self._done_bytes > BACKLOG:
            self.late.add(count, _TOO_SLOW)
            return
        self._handed_lines += count
        self._handed_bytes += len(batch)
        self._queue.put((batch, count))

    def _write_all(self) -> None:
        while (work := self._queue.get()) is not None and not self._is_given_up:
            if isinstance(work, tuple):
                self._write(*work)
            else:
                self._open(work)
        if self._outlet is not None:
            self._outlet.close()

    def _write(self, batch: bytearray, count: int) -> None:
        size, error = 0, "it could not be opened"
        if self._outlet is not None:
            size, failure = self._outlet.write(batch, lambda: self._is_given_up)
            error = "" if failure is None else str(failure.strerror)
        written = count if size == len(batch) else batch.count(b"\n", 0, size)  # to count them all takes longest
        self.written += written
        self._done_bytes += len(batch)
        if error:
            self.failed.add(count - written, error)

    def _open(self, to: To) -> None:
        old = self._outlet
        try:
            self._outlet = None if to == "none" else Outlet(to)
        except OSError as error:
            kept = "writing nothing" if old is None else "writing on as before"
            log.error("access log: cannot open %s: %s; %s", to, error.strerror, kept)
            return
        if old is not None:
            old.close()


_TOO_SLOW: Final = "what takes them does not keep up"
