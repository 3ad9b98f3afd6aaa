"""Tracing as a worker's data path has it. Only a worker that traces imports this, since OpenTelemetry is an extra."""

import asyncio
import socket
import time
from functools import partial
from random import Random

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter

from s3edge.config.model import Config
from s3edge.proxy.spans import Spans
from s3edge.proxy.tracing import Sampler
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.otlp import SpanExport, collector, resource_of, spare_the_log


class Tracing:
    """What chooses requests, makes their spans and sends these away."""

    def __init__(self, share: float, resource: Resource, exporter: SpanExporter, rng: Random) -> None:
        self.sampler = Sampler(share, rng)
        self._export = SpanExport(exporter)
        # People read these times; nothing is decided by them.
        self._spans = Spans(resource, self._export.take, asyncio.get_running_loop().time, time.time_ns)
        self.read = self._spans.read

    def show(self, meter: Meter) -> None:
        """Have the spans counted."""
        for outcome in ("exported", "failed", "dropped"):
            meter.counter("s3edge_spans_total", (outcome,), partial(getattr, self._export, outcome))

    def configure(self, config: Config) -> None:
        """Trace another share of the requests from now on."""
        self.sampler.share = config.tracing.sample

    async def close(self) -> None:
        """Send what is left, for a second at most."""
        await self._export.close()


def tracing_of(config: Config, endpoint: str, worker: int) -> Tracing:
    """That of a worker, by its number; `endpoint` is the base URL of the collector."""
    spare_the_log()
    instance = f"{socket.gethostname()}-{config.listen.address.port}"
    return Tracing(config.tracing.sample, resource_of(instance, worker), collector(endpoint), Random())
