"""Clients that come, ask a few times and leave: `python -m loadtests.visitors PORT LOAD FILE`, as `readers` does it.

What a proxy remembers of clients, tenants, signatures and objects must not grow with their number, so there are many:
a visitor comes from one of thousands of addresses of loopback, and each of its requests is presigned anew with the key
of one of TENANTS. The `rate` of the load is visits per second. No node here looks at a signature.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from loadtests.clients import access_key
from loadtests.load import Ask, Asks, Load
from loadtests.needs import raise_descriptor_limit
from loadtests.readers import Reader, Run, read
from loadtests.records import Readings, save

TENANTS = tuple(f"team{number}" for number in range(200))
SOURCES = 4000
MOST_REQUESTS = 5
"""A visitor makes from one to so many."""


def source(number: int) -> str:
    """An address of loopback (127.0.0.0/8) that nothing else here uses."""
    return f"127.7.{number // 250}.{1 + number % 250}"


def presigned(tenant: str, date: str, signature: int) -> str:
    """The query of a request that was presigned for an hour, with 64 hexadecimal digits in place of a signature."""
    return (
        f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={access_key(tenant)}%2F{date[:8]}%2Fus-east-1%2Fs3%2F"
        f"aws4_request&X-Amz-Date={date}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature={signature:064x}"
    )


class PresignedAsks(Asks):
    """Requests of a load, each of a tenant drawn by lot."""

    def __init__(self, load: Load, date: str) -> None:
        super().__init__(load)
        self._rng = random.Random(load.seed)
        self._date = date

    def draw(self) -> Ask:
        """The next request."""
        return replace(super().draw(), query=self._query())

    def _query(self) -> str:
        return presigned(self._rng.choice(TENANTS), self._date, self._rng.getrandbits(256))


async def visits(run: Run, is_over: asyncio.Event) -> None:
    """A visitor every 1 / rate seconds, whether those before have left or not."""
    rng = random.Random(run.load.seed)

    async def visit(due: float) -> None:
        visitor = Reader(run, source(rng.randrange(SOURCES)))
        try:
            await visitor.read(due)
            for _ in range(rng.randrange(MOST_REQUESTS)):
                await visitor.read(time.monotonic())
        finally:
            visitor.close()

    async with asyncio.TaskGroup() as group:
        due = run.began
        while not is_over.is_set():
            due += 1 / run.load.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(visit(due), name="visit")


def main() -> None:
    port, load, file = int(sys.argv[1]), Load.from_json(sys.argv[2]), Path(sys.argv[3])
    raise_descriptor_limit()
    run = Run(port, load)
    run.asks = PresignedAsks(load, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    uvloop.run(read(run, visits))
    save(Readings(run.records, run.received), file)
    print(json.dumps({"requests": len(run.records)}))


if __name__ == "__main__":
    main()
