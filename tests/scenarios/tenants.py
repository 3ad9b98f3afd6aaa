"""Who asks in scenarios of QoS: tenants known by the access keys that they claim, alone and in crowds."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from tests.scenarios.reader import Read, read
from tests.scenarios.scene import Scene, now
from tests.support.active_fault import ActiveFault
from tests.support.answers import Request
from tests.support.memory import SOURCE
from tests.support.storage import Storage

RAG: Final = "rag"
TRAINING: Final = "training"
TENANTS: Final = [{"name": name, "access_keys": [f"AK-{name}"]} for name in (RAG, TRAINING)]


def claim(tenant: str) -> bytes:
    """The header line by which a request claims a tenant's key."""
    credential = f"AK-{tenant}/20250101/us-east-1/s3/aws4_request"
    return f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0".encode()


def policy(tenant: str, **sections: Any) -> dict[str, Any]:
    """A policy for one tenant, called like it."""
    return {"policy": tenant, "match": {"tenants": [tenant]}, **sections}


def for_all(**sections: Any) -> list[dict[str, Any]]:
    """One policy for everybody; its name is `all`."""
    return [{"policy": "all", **sections}]


async def crowd(stage: Scene, requests: Sequence[bytes], source: str = SOURCE) -> list[Read]:
    """What clients saw that sent these requests in the same instant."""
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(read(stage, each, source), name=f"client {n}") for n, each in enumerate(requests)]
    return [task.result() for task in reads]


async def keep_asking(stage: Scene, request: bytes, clients: int, until: float) -> list[Read]:
    """What so many clients saw that each asked again as soon as it was answered, until this time."""
    seen: list[Read] = []

    async def client() -> None:
        while now() < until:
            seen.append(await read(stage, request))

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(), name=f"client {number}")
    return seen


class Watched(Storage):
    """A node that knows how many requests were there at most whose answer had not begun."""

    working = 0
    most = 0

    def begin(self, request: Request) -> list[ActiveFault]:
        self.working += 1
        self.most = max(self.most, self.working)
        return super().begin(request)

    def count_answer(self, request: Request, status: int) -> None:
        self.working -= 1
        super().count_answer(request, status)
