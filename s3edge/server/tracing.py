"""Tracing as a worker's data path has it. Only a worker that traces imports this, since OpenTelemetry is an extra."""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from s3edge.config.model import Config
from s3edge.proxy.spans import Spans
from s3edge.proxy.tracing import Sampler
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.otlp import SpanExport, collector, resource_of, spare_the_log


class Export(Protocol):
    """Where spans go; `exported`, `failed` and `dropped` count them."""

    @property
    def exported(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def dropped(self) -> int: ...

    def take(self, spans: Sequence[ReadableSpan]) -> None:
        """The spans of one exchange."""

    async def close(self) -> None:
        """There are no more."""


class Tracing:
    """What chooses requests, makes their spans and sends these away.

    `wall` is the time of the world in nanoseconds since 1970: people read it, and nothing is decided by it.
    """

    def __init__(
        self, share: float, resource: Resource, export: Export, rng: Random, wall: Callable[[], int] = time.time_ns
    ) -> None:
        self.sampler = Sampler(share, rng)
        self.read = Spans(resource, export.take, asyncio.get_running_loop().time, wall).read
        self._export = export

    def show(self, meter: Meter) -> None:
        """Have the spans counted."""
        for outcome in ("exported", "failed", "dropped"):
            meter.counter("s3edge_spans_total", (outcome,), partial(getattr, self._export, outcome))

    def configure(self, config: Config) -> None:
        """Trace another share of the requests from now on."""
        self.sampler.share = config.tracing.sample

    async def close(self) -> None:
        """Send what is left, as far as that goes in about a second."""
        await self._export.close()


def tracing_of(config: Config, endpoint: str, worker: int) -> Tracing:
    """That of a worker, by its number; `endpoint` is the base URL of the collector."""
    spare_the_log()
    instance = f"{socket.gethostname()}-{config.listen.address.port}"
    return Tracing(config.tracing.sample, resource_of(instance, worker), SpanExport(collector(endpoint)), Random())
