"""Spans on their way to a collector, by OTLP over HTTP, from a thread of its own. Imported by workers that trace.

Nothing here may hold up or harm the data path. What the collector does not take is dropped and counted; a log line a
minute says why. Nothing global of the OpenTelemetry SDK is used: no provider, no exit handler, no propagator. Of its
environment variables those of the exporter hold (headers, certificate, compression), and those that name the resource.
"""

import asyncio
import logging
from collections.abc import Sequence
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from s3edge import __version__
from s3edge.config.tracing import TRACES_PATH
from s3edge.telemetry.printable import printable

log = logging.getLogger(__name__)

# Spans that wait or are being sent, some 4 MB: a collector may be away for as long as it takes to restart one.
BACKLOG: Final = 2048
# Spans of one export. While they are encoded the data path waits for the interpreter's lock: for so many some 2 ms.
BATCH: Final = 64
# Seconds from a span to its export.
DELAY: Final = 1.0
# Seconds for one export with all that is tried again, the default of OTLP.
TIMEOUT: Final = 10.0
# Seconds that the last spans of a worker may take: less than the supervisor waits for its end.
FLUSH: Final = 1.0
# Seconds between two log lines, and the characters of one.
LINE_PAUSE: Final = 60.0
LINE_LIMIT: Final = 512


def resource_of(instance: str, worker: int) -> Resource:
    """What the spans come from. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` add to it, and come first."""
    said: dict[str, str | int] = {
        "service.name": "s3edge",
        "service.version": __version__,
        "service.instance.id": instance,
        "s3edge.worker": worker,
    }
    return Resource.create(said).merge(OTELResourceDetector().detect())


def collector(endpoint: str) -> SpanExporter:
    """What sends spans to the collector at a base URL."""
    return OTLPSpanExporter(endpoint + TRACES_PATH, timeout=TIMEOUT)


class SpanExport:
    """Takes the spans of one worker and exports them; `exported`, `failed` and `dropped` count them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.dropped = 0
        self._taken = 0
        self._exporter = _Counting(exporter)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=BACKLOG,
            schedule_delay_millis=DELAY * 1000,
            max_export_batch_size=BATCH,
            export_timeout_millis=TIMEOUT * 1000,
        )

    @property
    def exported(self) -> int:
        """Spans that the collector took."""
        return self._exporter.exported

    @property
    def failed(self) -> int:
        """Spans that it did not take."""
        return self._exporter.failed

    @property
    def _backlog(self) -> int:
        return self._taken - self.exported - self.failed

    def take(self, spans: Sequence[ReadableSpan]) -> None:
        """The spans of one exchange: all of them or, if too many wait already, none."""
        if self._backlog + len(spans) > BACKLOG:
            self.dropped += len(spans)
            return
        self._taken += len(spans)
        for span in spans:
            self._processor.on_end(span)

    async def close(self) -> None:
        """Export what is left, as far as that goes in FLUSH seconds; what comes later is dropped.

        The SDK may wait for 30 s, so a thread of its own does that, which the end of the process does not wait for.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def flush() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            try:
                loop.call_soon_threadsafe(ended.set)
            except RuntimeError:
                pass  # nobody waits any more: the loop is closed

        Thread(target=flush, name="flush spans", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH):
                await ended.wait()
        except TimeoutError:
            self._exporter.shutdown()
            log.warning("traces: %d spans were left when the worker ended", self._backlog)
            self.dropped += self._backlog


class _Counting(SpanExporter):
    """Counts what an exporter takes, until it is shut down. The thread of the processor calls it."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exported = self.failed = 0
        self._exporter = exporter
        self._is_over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As `SpanExporter.export`."""
        result = SpanExportResult.FAILURE
        try:
            if not self._is_over:
                result = self._exporter.export(spans)
        finally:
            if self._is_over:
                pass  # whoever shut it down has counted them
            elif result is SpanExportResult.SUCCESS:
                self.exported += len(spans)
            else:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """As `SpanExporter.shutdown`: what is under way is not tried again, what comes later not at all."""
        if not self._is_over:
            self._is_over = True
            self._exporter.shutdown()


class Sparing(logging.Handler):
    """Passes on one line a minute of what the SDK has to say, and in how many others it said so.

    A collector that is away makes it write several lines for each batch.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next = 0.0
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """As `logging.Handler.emit`."""
        if record.created < self._next:
            self._left_out += 1
            return
        self._next = record.created + LINE_PAUSE
        left_out, self._left_out = self._left_out, 0
        more = f" ({left_out} more lines since the last one)" if left_out else ""
        log.warning("traces: %s%s", printable(record.getMessage(), LINE_LIMIT), more)


def spare_the_log() -> None:
    """Have all that OpenTelemetry logs in this process go through a `Sparing`."""
    sdk = logging.getLogger("opentelemetry")
    sdk.handlers[:] = [Sparing()]
    sdk.propagate = False
