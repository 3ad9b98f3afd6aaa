"""Whether the nodes of a storage are at one again after one of them was away.

MinIO says that it is well before it is: a node just started answers 404 for objects that are there, and others take it
for dead a while longer, without it perhaps for unwritable. That is seen direct, and is no matter of s3edge.
"""

import time
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from loadtests.matrix.store import Store

ROUNDS = 3
"""In a row in which all went well: one may have come between two failures."""

PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 60.0


class NotAtOne(Exception):
    """The nodes did not agree in time."""


class Peers:
    """Nodes that hold the same objects, each reached by itself, and best without further attempts."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores
        self._writes = 0

    def close(self) -> None:
        for store in self._stores:
            store.close()

    def await_agreement(
        self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """Return once each node takes an object that all nodes then have. Raises NotAtOne."""
        deadline = now() + PATIENCE_SECONDS
        rounds = 0
        while rounds < ROUNDS:
            rounds = rounds + 1 if self._agree() else 0
            if now() > deadline:
                raise NotAtOne(f"the nodes of the storage do not agree {PATIENCE_SECONDS:g} s after one was killed")
            sleep(PAUSE_SECONDS)

    def _agree(self) -> bool:
        try:
            for number, writer in enumerate(self._stores):
                self._writes += 1
                body = f"{self._writes}".encode()
                writer.put(f"peers/{number}", body)
                if any(reader.get(f"peers/{number}") != body for reader in self._stores):
                    return False
        except (ClientError, BotoCoreError):
            return False
        return True
