"""Spans on their way to a collector: none is lost without being counted, and nobody waits for long."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from s3edge import __version__
from s3edge.telemetry.otlp import BACKLOG, FLUSH, SpanExport, Sparing, collector, resource_of
from tests.support.collector import Collector, attributes, collecting

# Patience with threads, in seconds.
LIMIT = 10.0
TICK = 0.01


def spans(count: int) -> list[ReadableSpan]:
    """So many spans of one trace."""
    return [
        ReadableSpan(
            name=f"span {number}",
            context=SpanContext(1, number + 1, False, TraceFlags(1)),
            resource=Resource({"service.name": "test"}),
            start_time=1,
            end_time=2,
        )
        for number in range(count)
    ]


class Gate(SpanExporter):
    """Takes spans only while it is open; keeps their names."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.names: list[str] = []
        self.is_shut_down = False
        self.entered = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self._result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.open.wait(LIMIT)
        self.names += [span.name for span in spans]
        return self._result

    def shutdown(self) -> None:
        self.is_shut_down = True


class Broken(Gate):
    """Raises what no exporter should."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("out of order")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def tick(instants: list[float]) -> None:
    """Note when the loop ran."""
    while True:
        await asyncio.sleep(TICK)
        instants.append(asyncio.get_running_loop().time())


def counts(export: SpanExport) -> tuple[int, int, int]:
    return export.exported, export.failed, export.dropped


def test_at_the_end_all_that_is_left_is_exported() -> None:
    async def main() -> None:
        gate = Gate()
        export = SpanExport(gate)
        export.take(spans(3))
        export.take(spans(200))
        await export.close()
        assert len(gate.names) == 203
        assert counts(export) == (203, 0, 0)
        assert gate.is_shut_down

    run(main())


def test_of_exchanges_that_find_no_room_all_spans_are_dropped_and_counted() -> None:
    async def main() -> None:
        gate = Gate()
        gate.open.clear()
        export = SpanExport(gate)
        for _ in range(BACKLOG // 16):
            export.take(spans(16))
        assert counts(export) == (0, 0, 0)
        export.take(spans(16))
        export.take(spans(1))
        assert counts(export) == (0, 0, 17)
        gate.open.set()
        await export.close()
        assert counts(export) == (BACKLOG, 0, 17)

    run(main())


def test_there_is_room_again_once_spans_are_exported() -> None:
    async def main() -> None:
        gate = Gate()
        export = SpanExport(gate)
        for _ in range(3):
            taken = export.exported + BACKLOG
            export.take(spans(BACKLOG))
            async with asyncio.timeout(LIMIT):
                while export.exported < taken:  # noqa: ASYNC110 - another thread counts, and tells nobody
                    await asyncio.sleep(0.01)
        await export.close()
        assert counts(export) == (3 * BACKLOG, 0, 0)

    run(main())


def test_spans_that_a_collector_does_not_take_are_failed() -> None:
    async def main() -> None:
        export = SpanExport(Gate(SpanExportResult.FAILURE))
        export.take(spans(5))
        await export.close()
        assert counts(export) == (0, 5, 0)

    run(main())


def test_an_exporter_that_raises_harms_nobody() -> None:
    async def main() -> None:
        export = SpanExport(Broken())
        export.take(spans(5))
        await export.close()
        assert counts(export) == (0, 5, 0)

    run(main())


def test_an_export_that_hangs_is_waited_for_no_longer_than_a_moment(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        gate = Gate()
        gate.open.clear()
        export = SpanExport(gate)
        export.take(spans(100))
        gate.entered.wait(LIMIT)
        began = asyncio.get_running_loop().time()
        instants: list[float] = []
        ticking = asyncio.create_task(tick(instants), name="tick")
        await export.close()
        took = asyncio.get_running_loop().time() - began
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        assert FLUSH <= took < LIMIT
        assert len(instants) > FLUSH / TICK / 2, "the loop was not held up"
        assert counts(export) == (0, 0, 100)
        gate.open.set()

    run(main())
    assert [record.getMessage() for record in caplog.records] == ["traces: 100 spans were left when the worker ended"]


def test_a_collector_gets_spans_as_they_are_with_the_headers_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with collecting() as server:
            export = SpanExport(collector(server.url))
            export.take(spans(2))
            await export.close()
            assert [span.name for span in server.spans] == ["span 0", "span 1"]
            assert server.spans[1].trace_id == (1).to_bytes(16, "big")
            assert server.headers["authorization"] == "Bearer abc"
            assert server.headers["content-type"] == "application/x-protobuf"
            assert attributes(server.spans[0]) == {}
            assert counts(export) == (2, 0, 0)

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    # Where spans go is said by the configuration alone.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/elsewhere")
    run(main())


@pytest.mark.parametrize("status", [400, 401, 503])
def test_a_collector_that_refuses_fails_the_spans(status: int) -> None:
    async def main() -> None:
        async with collecting() as server:
            server.status = status
            export = SpanExport(collector(server.url))
            export.take(spans(2))
            await _until_export(server)
            await export.close()
            assert server.spans == []
            assert export.exported == 0
            assert export.failed + export.dropped == 2

    run(main())


async def _until_export(server: Collector) -> None:
    async with asyncio.timeout(LIMIT):
        while not server.exports:  # noqa: ASYNC110 - the server counts and tells nobody
            await asyncio.sleep(0.01)


def test_the_environment_adds_to_the_resource_and_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    said = dict(resource_of("host-9000", 3).attributes)
    assert {name: said[name] for name in ("service.name", "service.version", "service.instance.id")} == {
        "service.name": "s3edge",
        "service.version": __version__,
        "service.instance.id": "host-9000",
    }
    assert said["s3edge.worker"] == 3
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge-of-rack-2")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=edge-0,service.instance.id=mine")
    said = dict(resource_of("host-9000", 3).attributes)
    assert (said["service.name"], said["k8s.pod.name"], said["service.instance.id"]) == (
        "edge-of-rack-2",
        "edge-0",
        "mine",
    )


def test_of_what_the_sdk_says_one_line_a_minute_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    sparing = Sparing()
    for at in (0.0, 1.0, 59.9, 60.0, 90.0, 121.0):
        record = logging.makeLogRecord({"msg": "no answer\nat %s", "args": (at,), "levelno": logging.ERROR})
        record.created = 1_800_000_000 + at
        sparing.handle(record)
    assert [record.getMessage() for record in caplog.records] == [
        "traces: no answer\\nat 0.0",
        "traces: no answer\\nat 60.0 (2 more lines since the last one)",
        "traces: no answer\\nat 121.0 (1 more lines since the last one)",
    ]


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())

    async def main() -> None:
        export = SpanExport(Gate())
        export.take(spans(1))
        await export.close()

    run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT)
        assert not thread.is_alive()
