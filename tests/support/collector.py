"""A collector of spans by OTLP over HTTP, on a free port of loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

HOST = "127.0.0.1"


class Collector:
    """Keeps what it is sent.

    `spans` have come, `headers` are those of the last export, in lower case, and `resource` what its spans came from.
    It answers with `status`; while it `hangs`, not at all. `exports` counts also those that it did not take.
    """

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []
        self.headers: dict[str, str] = {}
        self.resource: dict[str, str | int] = {}
        self.status = 200
        self.exports = 0
        self._may_answer = asyncio.Event()
        self._may_answer.set()

    def hang(self) -> None:
        """Take what comes, and answer nothing any more."""
        self._may_answer.clear()

    async def take(self, request: web.Request) -> web.Response:
        """An export."""
        self.exports += 1
        export = ExportTraceServiceRequest.FromString(await request.read())
        await self._may_answer.wait()
        if self.status == 200:
            self.headers = {name.lower(): value for name, value in request.headers.items()}
            for each in export.resource_spans:
                self.resource = {pair.key: _value(pair) for pair in each.resource.attributes}
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
        return web.Response(status=self.status, content_type="application/x-protobuf")


def attributes(span: Span) -> dict[str, str | int]:
    """What is said of a span."""
    return {pair.key: _value(pair) for pair in span.attributes}


def _value(pair: KeyValue) -> str | int:
    value = pair.value
    return value.int_value if value.HasField("int_value") else value.string_value


@asynccontextmanager
async def collecting(port: int = 0) -> AsyncIterator[Collector]:
    """A collector that listens at `url`; port 0 takes a free one."""
    collector = Collector()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port)
    await site.start()
    collector.url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
