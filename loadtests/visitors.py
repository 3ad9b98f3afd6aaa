"""Clients that come, ask a few times and leave: `python -m loadtests.visitors PORT LOAD FILE`, as `readers` does it.

A visitor comes from one of SOURCES addresses of loopback, each of which belongs to one of TENANTS, and each request is
presigned anew with the tenant's key. The `rate` of the load is visits per second. No node here looks at a signature.
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
from loadtests.load import Load
from loadtests.needs import raise_descriptor_limit
from loadtests.readers import Reader, Run, read
from loadtests.records import Readings, save

TENANTS = tuple(f"team{number}" for number in range(200))
SOURCES = 1000
"""So few that in some minutes each worker knows them all: s3edge remembers up to 10,000, and what it then takes to
remember them is not a leak."""

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


async def visits(run: Run, is_over: asyncio.Event) -> None:
    """A visitor every 1 / rate seconds, whether those before have left or not."""
    rng = random.Random(run.load.seed)
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")

    async def visit(due: float) -> None:
        number = rng.randrange(SOURCES)
        visitor = Reader(run, source(number))
        try:
            for _ in range(rng.randint(1, MOST_REQUESTS)):
                query = presigned(TENANTS[number % len(TENANTS)], date, rng.getrandbits(256))
                await visitor.read(due, replace(run.asks.draw(), query=query))
                due = time.monotonic()
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
    uvloop.run(read(run, visits))
    save(Readings(run.records, run.received), file)
    print(json.dumps({"requests": len(run.records)}))


if __name__ == "__main__":
    main()
