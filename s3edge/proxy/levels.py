"""What the requests under way add up to, by tenant: one walk over them for each snapshot."""

from collections.abc import Callable, Iterable

from s3edge.proxy.client import ClientConnection
from s3edge.proxy.flows import received, sent


class Levels:
    """The levels of one worker, as they were when `count` was last called; `clients` gives its clients.

    How many requests wait, and the body bytes that those under way have `sent` and `received` so far.
    """

    def __init__(self, clients: Callable[[], Iterable[ClientConnection]]) -> None:
        self._clients = clients
        self.waiting: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.received: dict[str, int] = {}

    def count(self) -> dict[str, int]:
        """Walk over all requests; how many each tenant has."""
        inflight: dict[str, int] = {}
        waiting: dict[str, int] = {}
        sendings: dict[str, int] = {}
        receivings: dict[str, int] = {}
        for client in self._clients():
            progress = client.progress
            if progress is None:
                continue
            tenant = progress.tenant
            inflight[tenant] = inflight.get(tenant, 0) + 1
            if progress.body is not None:
                sendings[tenant] = sendings.get(tenant, 0) + sent(progress)
            if progress.upload is not None:
                receivings[tenant] = receivings.get(tenant, 0) + received(progress)
            if progress.is_waiting:
                waiting[tenant] = waiting.get(tenant, 0) + 1
        self.waiting, self.sent, self.received = waiting, sendings, receivings
        return inflight
