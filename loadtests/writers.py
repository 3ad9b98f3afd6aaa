"""Clients that upload, whole and in parts: `python -m loadtests.writers PORT LOAD FILE`, as `readers` does it.

The `rate` of the load is uploads per second. The ETag of each answer is a hash of what the node received, and it is
compared. Small objects are sent once: what fails has failed. Multipart uploads are made of requests that a proxy cannot
repeat, since it keeps no part so large, and since to begin and to complete one are not safe to do twice; like an SDK,
the writer sends such a request again, and counts how often it had to.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import aiohttp
import uvloop

from loadtests.load import Load
from loadtests.nodes import KIB, MIB
from loadtests.readers import Run, read
from loadtests.records import OK, RESET, TIMED_OUT, WRONG_BYTES, Readings, Record, save
from tests.support.objects import content

OBJECTS = 64
"""Different names, so that nodes, which keep what they were sent, have no more than so many objects."""

SIZES = (1, 4 * KIB, 64 * KIB, 256 * KIB)
PART = 2 * MIB
"""More than the 1 MiB that s3edge keeps to send it again. Real storage wants 5 MiB; nodes here do not."""

PARTS = 3
MULTIPART_SHARE = 0.1
CHUNKED_SHARE = 0.3
"""Shares of the uploads that are made in parts, and of the others that do not say their length."""

TRIES = 4
"""An SDK's: boto3's legacy mode makes five."""

PIECE = 64 * KIB


class Uploads:
    """What the writers of one process share; `counts` has under "again" how many requests were sent again."""

    def __init__(self, run: Run, session: aiohttp.ClientSession, counts: Counter[str]) -> None:
        self._counts = counts
        self._run = run
        self._session = session
        self._rng = random.Random(run.load.seed)

    async def once(self, due: float) -> None:
        """One upload, due at `due`; its record is kept."""
        number = self._rng.randrange(OBJECTS)
        if self._rng.random() < MULTIPART_SHARE:
            size, outcome = PARTS * PART, await self._in_parts(f"/uploads/parts-{number}")
        else:
            path, size = f"/uploads/whole-{number}", self._rng.choice(SIZES)
            is_chunked = self._rng.random() < CHUNKED_SHARE
            outcome = await self._send("PUT", path, content(path, 0, size), is_chunked=is_chunked)
        took = time.monotonic() - due
        self._run.records.append(Record(due - self._run.began, None, 0.0, took, size if outcome == OK else 0, outcome))

    async def _in_parts(self, path: str) -> str:
        outcome = await self._send_until_done("POST", f"{path}?uploads", b"")
        for number in range(1, PARTS + 1):
            if outcome == OK:
                body = content(path, (number - 1) * PART, PART)
                outcome = await self._send_until_done("PUT", f"{path}?partNumber={number}&uploadId=1", body)
        return await self._send_until_done("POST", f"{path}?uploadId=1", b"<parts/>") if outcome == OK else outcome

    async def _send_until_done(self, method: str, target: str, body: bytes) -> str:
        outcome = await self._send(method, target, body)
        for _ in range(TRIES - 1):
            if outcome == OK:
                break
            self._counts["again"] += 1
            outcome = await self._send(method, target, body)
        return outcome

    async def _send(self, method: str, target: str, body: bytes, *, is_chunked: bool = False) -> str:
        """One request; its outcome, as `records` has them."""
        fields = {} if is_chunked else {"Content-Length": str(len(body))}
        try:
            async with self._session.request(method, target, data=_pieces(body), headers=fields) as answer:
                await answer.read()
        except TimeoutError:
            return TIMED_OUT
        except aiohttp.ClientError:
            return RESET
        if answer.status != 200:
            return str(answer.status)
        return OK if answer.headers.get("ETag") == f'"{sha256(body).hexdigest()[:32]}"' else WRONG_BYTES


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(body), PIECE):
        yield body[first : first + PIECE]


async def writes(run: Run, is_over: asyncio.Event, counts: Counter[str]) -> None:
    """An upload every 1 / rate seconds, each request on a connection of its own."""
    timeout = aiohttp.ClientTimeout(total=run.load.patience)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(f"http://{run.host}", connector=connector, timeout=timeout) as session:
        uploads = Uploads(run, session, counts)
        async with asyncio.TaskGroup() as group:
            due = run.began
            while not is_over.is_set():
                due += 1 / run.load.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(uploads.once(due), name="upload")


def main() -> None:
    port, load, file = int(sys.argv[1]), Load.from_json(sys.argv[2]), Path(sys.argv[3])
    run = Run(port, load)
    counts = Counter(again=0)
    uvloop.run(read(run, partial(writes, counts=counts)))
    save(Readings(run.records, run.received), file)
    print(json.dumps({"requests": len(run.records), **counts}))


if __name__ == "__main__":
    main()
