"""A client of the demo that reads without pause and checks every byte."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from s3edge.demo.samples import BUCKET, Sample, connect

READS = 6  # at the same time
PIECE = 1 << 20  # bytes of a body that are read at once
# Seconds of work on each piece, as a training job has: large bodies are then on their way for about a second, so that a
# node which is taken away has some in the middle.
WORK = 0.02
PAUSE = 0.1  # seconds after an error, so that a dead endpoint is not asked in a tight loop


@dataclass
class Tally:
    """What the reader has seen so far."""

    objects: int = 0
    octets: int = 0
    errors: int = 0
    wrong: int = 0  # objects whose bytes are not those that were written
    last_error: str = ""


class Reader:
    """Reads random samples from `url`, several at the same time, in threads as boto3's users do, and checks all bytes.

    Closing waits for the reads in flight, so what is read from should be closed first.
    """

    def __init__(self, url: str, samples: Sequence[Sample], chance: random.Random) -> None:
        self.tally = Tally()
        self._samples = samples
        self._chance = chance
        self._client = connect(url, READS)
        self._is_over = Event()
        self._threads = ThreadPoolExecutor(READS, thread_name_prefix="reader")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    async def run(self) -> None:
        """Read until cancelled; then no further piece is read."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(READS):
                    group.create_task(self._read_on(), name=f"reader-{number}")
        finally:
            self._is_over.set()

    async def _read_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sample = self._chance.choice(self._samples)
            try:
                content = await loop.run_in_executor(self._threads, self._read, sample.key)
            except (BotoCoreError, ClientError) as error:
                self.tally.errors += 1
                self.tally.last_error = str(error)
                await asyncio.sleep(PAUSE)
                continue
            self.tally.objects += 1
            self.tally.octets += len(content)
            self.tally.wrong += content != sample.content

    def _read(self, key: str) -> bytes:
        content = bytearray()
        with closing(self._client.get_object(Bucket=BUCKET, Key=key)["Body"]) as body:
            while piece := body.read(PIECE):
                content += piece
                if len(piece) == PIECE and self._is_over.wait(WORK):
                    break
        return bytes(content)
