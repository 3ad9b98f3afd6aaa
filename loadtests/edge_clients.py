"""S3 clients as they come, at a name with several addresses: `python -m loadtests.edge_clients FILE OPTIONS`.

OPTIONS are a `Visit` in JSON. All read the same objects again and again and compare every byte: boto3's
`get_object()["Body"].read()`, its `download_fileobj`, aiobotocore and s3fs, each as installed but for the time that
they wait for bytes. The name is known to this process alone, and every look-up gets its addresses in another order, as
from a name server that turns them.

Prints `ready`, reads until standard input closes, lets what is under way come to its end, writes what became of each
read to FILE, and prints a line of JSON with the count.
"""

import asyncio
import io
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiobotocore.session
import boto3
from aiobotocore.config import AioConfig
from botocore.config import Config
from s3fs import S3FileSystem

from loadtests.nodes import MIB
from tests.support.objects import matches

NAME = "edges.internal"
"""Nothing outside has this name: `.internal` is for names of one's own (ICANN, 2024)."""

BUCKET = "bench"
SIZE = 8 * MIB
KEYS = tuple(f"{SIZE // MIB}MiB-{number}" for number in range(8))

OK = "ok"
WRONG = "wrong bytes"

READERS = {"boto3": 4, "boto3 download": 3, "aiobotocore": 4, "s3fs": 3}
"""How many of each kind read at a time, one object after the other; all of a kind share a client, as in a program."""

ASK_AGAIN = frozenset({"boto3 download", "s3fs"})
"""Those that ask for the rest, or for all, when a body breaks off; the others tell their caller."""

FINISH_SECONDS = 25.0
"""How long reads may take that are under way at the end: botocore asks five times in all."""

PAUSE = 0.1
"""Seconds after a failure, so that an endpoint that is away is not asked thousands of times."""

LookUp = Callable[..., list[Any]]
"""As `socket.getaddrinfo`."""

Read = Callable[[str], Awaitable[bytes]]
"""The bytes of an object, by its key. Raises whatever the client does."""


@dataclass(frozen=True)
class Visit:
    """Where clients go: to the `addresses` of one name, all with the same `port`; seconds without a byte they wait."""

    addresses: Sequence[str]
    port: int
    patience: float

    @property
    def endpoint(self) -> str:
        return f"http://{NAME}:{self.port}"


@dataclass(frozen=True)
class Seen:
    """One read: seconds since the start of all and how long it took, `ok` or the name of what the client raised."""

    kind: str
    reader: int
    started: float
    took: float
    outcome: str


@dataclass(frozen=True)
class Sightings:
    """What all clients saw, and how many GETs each kind sent; `began` is on the clock of `time.monotonic`."""

    began: float
    reads: Sequence[Seen]
    sent: Mapping[str, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Sightings":
        document = json.loads(text)
        return cls(document["began"], [Seen(**one) for one in document["reads"]], document["sent"])


def turning(addresses: Sequence[str], rng: random.Random, ask: LookUp) -> LookUp:
    """`ask`, but for NAME, which has `addresses`, shuffled by `rng` each time.

    It takes the place of `socket.getaddrinfo`, which urllib3 and aiohttp ask. /etc/hosts would need root, and glibc
    would sort what it finds there: 127.0.0.1 first, each time (RFC 6724, rule 9).
    """

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host != NAME:
            return ask(host, *arguments, **options)
        turned = rng.sample(addresses, len(addresses))
        return [info for address in turned for info in ask(address, *arguments, **options)]

    return getaddrinfo


def settings(visit: Visit) -> dict[str, Any]:
    """What each client must be told. The signature is not looked at: nodes here know no keys."""
    return {
        "endpoint_url": visit.endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "AKEDGES",
        "aws_secret_access_key": "secret",
    }


@asynccontextmanager
async def clients(visit: Visit, sent: Counter[str]) -> AsyncIterator[dict[str, Read]]:
    """How each kind reads; `sent` counts its GETs, also those that the client sends again by itself."""
    timeouts = {"read_timeout": visit.patience, "connect_timeout": visit.patience}

    def counted(kind: str, client: Any) -> Any:
        def count(**rest: Any) -> None:
            sent[kind] += 1

        client.meta.events.register("request-created.s3.GetObject", count)
        return client

    session = boto3.session.Session()
    getter, loader = (
        counted(kind, session.client("s3", config=Config(**timeouts), **settings(visit)))
        for kind in ("boto3", "boto3 download")
    )

    def get(key: str) -> bytes:
        body: bytes = getter.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def download(key: str) -> bytes:
        file = io.BytesIO()
        loader.download_fileobj(BUCKET, key, file)
        return file.getvalue()

    files = S3FileSystem(
        key="AKEDGES",
        secret="secret",
        endpoint_url=visit.endpoint,
        client_kwargs={"region_name": "us-east-1"},
        config_kwargs=timeouts,
    )
    await asyncio.to_thread(lambda: counted("s3fs", files.s3))

    def cat(key: str) -> bytes:
        body: bytes = files.cat_file(f"{BUCKET}/{key}")
        return body

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            aiobotocore.session.get_session().create_client("s3", config=AioConfig(**timeouts), **settings(visit))
        )
        counted("aiobotocore", client)

        async def get_async(key: str) -> bytes:
            answer = await client.get_object(Bucket=BUCKET, Key=key)
            async with answer["Body"] as stream:
                body: bytes = await stream.read()
            return body

        yield {
            "boto3": in_thread(get),
            "boto3 download": in_thread(download),
            "aiobotocore": get_async,
            "s3fs": in_thread(cat),
        }


def in_thread(read: Callable[[str], bytes]) -> Read:
    """The same for who must not be held up."""

    async def read_in_thread(key: str) -> bytes:
        return await asyncio.to_thread(read, key)

    return read_in_thread


async def outcome_of(read: Read, key: str) -> str:
    """Read an object: `ok`, or what was wrong."""
    try:
        body = await read(key)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is what its user sees
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return type(error).__name__
    return OK if len(body) == SIZE and matches(f"/{BUCKET}/{key}", 0, body) else WRONG


async def read_on(kind: str, number: int, read: Read, began: float, is_over: asyncio.Event) -> list[Seen]:
    """One reader, from one object to the next until it is over; what it saw."""
    seen = []
    rng = random.Random(f"{kind} {number}")
    while not is_over.is_set():
        started = time.monotonic()
        outcome = await outcome_of(read, rng.choice(KEYS))
        seen.append(Seen(kind, number, started - began, time.monotonic() - started, outcome))
        if outcome != OK:
            await asyncio.sleep(PAUSE)
    return seen


async def visit_edges(visit: Visit) -> Sightings:
    """All clients at once, until standard input closes. Raises TimeoutError if one does not come to an end."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(sum(READERS.values()), thread_name_prefix="reader"))
    is_over = asyncio.Event()
    sent: Counter[str] = Counter()
    async with clients(visit, sent) as reads:
        loop.add_reader(sys.stdin.fileno(), is_over.set)
        print("ready", flush=True)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(read_on(kind, number, reads[kind], began, is_over), name=f"{kind} {number}")
                for kind, count in READERS.items()
                for number in range(count)
            ]
            await is_over.wait()
            loop.remove_reader(sys.stdin.fileno())
            async with asyncio.timeout(FINISH_SECONDS):
                await asyncio.wait(tasks)
    return Sightings(began, [one for task in tasks for one in task.result()], dict(sent))


def main() -> None:
    file, visit = Path(sys.argv[1]), Visit(**json.loads(sys.argv[2]))
    socket.getaddrinfo = turning(visit.addresses, random.Random(1), socket.getaddrinfo)
    sightings = asyncio.run(visit_edges(visit))
    file.write_text(sightings.to_json())
    print(json.dumps({"reads": len(sightings.reads)}))


if __name__ == "__main__":
    main()
