"""Pages that are kept open: viewers of s3edge's live view, `python -m loadtests.live_viewers ADMIN_PORT N`.

They are in place when each has seen a frame; then they read on until standard input closes.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import aiohttp

LARGEST_FRAME = 16 * 1024 * 1024
"""Bytes of a line that are read at most; aiohttp's own limit is smaller than a frame may be."""


@dataclass
class Seen:
    """What one viewer saw: seconds to the first frame, when each frame came, and the bytes of all."""

    first: float = 0.0
    instants: list[float] = field(default_factory=list)
    size: int = 0
    flows: int = 0

    def take(self, line: bytes, now: float) -> None:
        """A frame has come."""
        self.instants.append(now)
        self.size += len(line)
        self.flows = json.loads(line.removeprefix(b"data: "))["flows"]["total"]

    @property
    def bytes_per_second(self) -> float:
        """From the first frame, which is of another length of time, to the last."""
        frames = len(self.instants) - 1
        return 0.0 if frames < 1 else self.size / len(self.instants) * frames / (self.instants[-1] - self.instants[0])


async def view(session: aiohttp.ClientSession, url: str, seen: Seen, has_seen: asyncio.Event) -> None:
    """Follow the live view until cancelled."""
    asked = time.monotonic()
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data: "):
                now = time.monotonic()
                seen.first = seen.first or now - asked
                seen.take(line, now)
                has_seen.set()


async def view_until_told(url: str, count: int) -> list[Seen]:
    """What so many viewers saw until standard input closed."""
    seen = [Seen() for _ in range(count)]
    async with aiohttp.ClientSession(read_bufsize=LARGEST_FRAME) as session, asyncio.TaskGroup() as group:
        begun = [asyncio.Event() for _ in seen]
        viewing = [
            group.create_task(view(session, url, one, has_begun), name="viewer")
            for one, has_begun in zip(seen, begun, strict=True)
        ]
        for has_begun in begun:
            await has_begun.wait()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for viewer in viewing:
            viewer.cancel()
    return seen


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    seen = asyncio.run(view_until_told(f"http://127.0.0.1:{port}/api/v1/live", count))
    print(
        json.dumps(
            {
                "first_ms": round(max(one.first for one in seen) * 1000),
                "bytes_per_second": round(max(one.bytes_per_second for one in seen)),
                "fewest_frames": min(len(one.instants) for one in seen),
                "flows": max(one.flows for one in seen),
            }
        )
    )


if __name__ == "__main__":
    main()
