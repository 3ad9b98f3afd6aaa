"""Work for a cluster: `python -m loadtests.traffic --endpoint http://127.0.0.1:9000`, until Ctrl-C.

What two tenants do: `rag` reads small objects, `training` reads large ones, whole or a part, and writes checkpoints in
parts. Every byte read is compared, and no client tries anything again: what is counted is what the endpoint did.
Their keys are in RAG_ACCESS_KEY, RAG_SECRET_KEY, TRAINING_ACCESS_KEY and TRAINING_SECRET_KEY.

Says every few seconds what each did. Exit code 1 if a request failed or brought wrong bytes.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from loadtests.child import end_on_sigterm
from loadtests.cluster.keys import Key
from loadtests.nodes import KIB, MIB
from tests.support.objects import content, matches, size_of

DATASETS, CHECKPOINTS = "datasets", "checkpoints"
SMALL = tuple(f"rag/{size}B-{number}" for size in (4 * KIB, 64 * KIB, 256 * KIB) for number in range(8))
LARGE = tuple(f"train/{size}B-{number}" for size in (4 * MIB, 16 * MIB) for number in range(4))
PART = 5 * MIB
"""The smallest part that S3 takes, except for the last."""
PARTS = 3

PATIENCE = 60
"""Seconds without a byte after which a client gives up, botocore's default."""

PAUSE = 0.5
"""Seconds that a client waits after a failure, so that an endpoint that is away is not asked thousands of times."""

FAILURES = (ClientError, BotoCoreError, HTTPClientError, OSError)


class WrongBytes(Exception):
    """What was read is not what was written."""


@dataclass
class Tally:
    """What the clients of one tenant did since the last line, and in all. Times are seconds of whole requests."""

    tenant: str
    done: int = 0
    received: int = 0
    sent: int = 0
    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def line(self, seconds: float) -> str:
        """What was done in the last `seconds`; the next line begins anew, but for failures."""
        self.times.sort()
        p50, p99 = (f"{1e3 * quantile(self.times, share):,.0f}" for share in (0.5, 0.99))
        failed = ", ".join(f"{count} x {name}" for name, count in self.failures.items()) or "none"
        read, written = (count / seconds / MIB for count in (self.received, self.sent))
        text = (
            f"{self.tenant:<8} {len(self.times) / seconds:7,.1f} requests/s, {read:7,.1f} MiB/s read, {written:6,.1f} "
            f"written, p50 {p50} ms, p99 {p99} ms, failed so far: {failed}"
        )
        self.times.clear()
        self.received = self.sent = 0
        return text


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of sorted values, by the nearest rank; `nan` of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


Once = Callable[[Any, random.Random, Tally], Awaitable[None]]


async def get(client: Any, bucket: str, key: str, first: int, size: int, tally: Tally) -> None:
    """Read `size` bytes from `first` on and compare them. Raises WrongBytes and FAILURES."""
    answer = await client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{first + size - 1}")
    async with answer["Body"] as stream:
        body = await stream.read()
    tally.received += len(body)
    if len(body) != size or not matches(f"/{bucket}/{key}", first, body):
        raise WrongBytes(f"{bucket}/{key} from {first}: {len(body)} bytes of {size}")


async def read_small(client: Any, rng: random.Random, tally: Tally) -> None:
    key = rng.choice(SMALL)
    await get(client, DATASETS, key, 0, size_of(f"/{key}"), tally)


async def read_large(client: Any, rng: random.Random, tally: Tally) -> None:
    """An object whole, or one of its MiB."""
    key = rng.choice(LARGE)
    size = size_of(f"/{key}")
    if rng.random() < 0.5:
        await get(client, DATASETS, key, 0, size, tally)
    else:
        await get(client, DATASETS, key, rng.randrange(size // MIB) * MIB, MIB, tally)


async def write_checkpoint(client: Any, rng: random.Random, tally: Tally) -> None:
    """Upload in parts, read back, forget."""
    key = f"{PARTS * PART}B-{rng.getrandbits(32):08x}"
    where = {"Bucket": CHECKPOINTS, "Key": key}
    upload = (await client.create_multipart_upload(**where))["UploadId"]
    parts = []
    for number in range(1, PARTS + 1):
        body = content(f"/{CHECKPOINTS}/{key}", (number - 1) * PART, PART)
        done = await client.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)
        tally.sent += PART
        parts.append({"ETag": done["ETag"], "PartNumber": number})
    await client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    await get(client, CHECKPOINTS, key, 0, PARTS * PART, tally)
    await client.delete_object(**where)


@dataclass(frozen=True)
class Job:
    """What `count` clients of a tenant do again and again."""

    tenant: str
    once: Once
    count: int


JOBS = (Job("rag", read_small, 8), Job("training", read_large, 6), Job("training", write_checkpoint, 1))


async def repeat(once: Once, client: Any, rng: random.Random, tally: Tally, ended: asyncio.Event) -> None:
    """Do it until `ended`; what fails is counted by its name, and told on stderr."""
    while not ended.is_set():
        began = time.monotonic()
        try:
            await once(client, rng, tally)
        except (WrongBytes, *FAILURES) as error:
            name = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            tally.failures[name] += 1
            print(f"{tally.tenant}: {once.__name__}: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(PAUSE)
        else:
            tally.done += 1
            tally.times.append(time.monotonic() - began)


async def fill(client: Any) -> None:
    """Put the objects that are read, unless they are there. Raises FAILURES."""
    listed = await client.list_objects_v2(Bucket=DATASETS)
    there = {entry["Key"]: entry["Size"] for entry in listed.get("Contents", [])}
    for key in (*SMALL, *LARGE):
        size = size_of(f"/{key}")
        if there.get(key) != size:
            await client.put_object(Bucket=DATASETS, Key=key, Body=content(f"/{DATASETS}/{key}", 0, size))


async def report(tallies: Sequence[Tally], every: float, ended: asyncio.Event) -> None:
    """Print a line for each tenant, every so many seconds."""
    while not ended.is_set():
        began = time.monotonic()
        try:
            await asyncio.wait_for(ended.wait(), every)
        except TimeoutError:
            for tally in tallies:
                print(tally.line(time.monotonic() - began), flush=True)


@asynccontextmanager
async def connected(endpoint: str, keys: Mapping[str, Key]) -> AsyncIterator[dict[str, Any]]:
    """A client of `endpoint` for each tenant, with its key."""
    settings = AioConfig(
        retries={"total_max_attempts": 1},
        max_pool_connections=sum(job.count for job in JOBS),
        read_timeout=PATIENCE,
        s3={"addressing_style": "path"},
    )
    async with AsyncExitStack() as stack:
        clients = {}
        for tenant, key in keys.items():
            client = get_session().create_client(
                "s3",
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id=key.access,
                aws_secret_access_key=key.secret,
                config=settings,
            )
            clients[tenant] = await stack.enter_async_context(client)
        yield clients


async def run(endpoint: str, keys: Mapping[str, Key], seconds: float | None, every: float) -> list[Tally]:
    """What each tenant did until `seconds` are over, or SIGINT or SIGTERM. Raises FAILURES before the first request."""
    tallies = {tenant: Tally(tenant) for tenant in keys}
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with connected(endpoint, keys) as clients:
        await fill(clients["training"])
        for stop in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stop, ended.set)
        if seconds is not None:
            loop.call_later(seconds, ended.set)
        async with asyncio.TaskGroup() as group:
            group.create_task(report(list(tallies.values()), every, ended), name="report")
            for job in JOBS:
                for number in range(job.count):
                    work = repeat(job.once, clients[job.tenant], random.Random(number), tallies[job.tenant], ended)
                    group.create_task(work, name=f"{job.once.__name__} {number}")
    return list(tallies.values())


def keys_of(environment: Mapping[str, str]) -> dict[str, Key]:
    """Each tenant's key, from its variables. Raises KeyError with the one that is missing."""
    tenants = dict.fromkeys(job.tenant for job in JOBS)
    return {
        tenant: Key(environment[f"{tenant.upper()}_ACCESS_KEY"], environment[f"{tenant.upper()}_SECRET_KEY"])
        for tenant in tenants
    }


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="traffic", description="Reads and writes of two tenants, bytes compared.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:9000", help="default %(default)s")
    parser.add_argument("--seconds", type=float, help="end after this time (default: never)")
    parser.add_argument("--every", type=float, default=5, help="seconds between two lines (default %(default)g)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    end_on_sigterm()
    try:
        keys = keys_of(os.environ)
    except KeyError as error:
        print(f"traffic: {error.args[0]} is not set; see compose/.env.example", file=sys.stderr)
        return 2
    try:
        tallies = asyncio.run(run(arguments.endpoint, keys, arguments.seconds, arguments.every))
    except FAILURES as error:
        print(f"traffic: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for tally in tallies:
        print(f"{tally.tenant}: {tally.done:,} done, {tally.failures.total():,} failed {dict(tally.failures) or ''}")
    return 1 if any(tally.failures for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
