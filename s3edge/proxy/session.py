"""The life of a client's connection: one request after the other, each answered before the next is read."""

import asyncio
import logging

from s3edge.errors import EdgeError
from s3edge.http1.head import RequestHead
from s3edge.proxy.access_log import AccessLog
from s3edge.proxy.client import STALL_LIMIT, ClientConnection
from s3edge.proxy.exchange import Exchanges
from s3edge.proxy.progress import REFUSED
from s3edge.proxy.replies import Replies
from s3edge.s3.operation import Operation
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import ConnectionGoneError

log = logging.getLogger(__name__)

# Seconds for the head of a request on a connection too many: time for a lost packet or two, and no more, since those
# who open such connections may open any number of them.
UNWELCOME_TIMEOUT = 2.0


class Sessions:
    """Runs the sessions of one worker; one task per connection, named and owned by the connection.

    `access_log`, if there is one, is told of the heads that become no exchange.
    """

    def __init__(self, exchanges: Exchanges, replies: Replies, meter: Meter, idle_timeout: float) -> None:
        self._exchanges = exchanges
        self._replies = replies
        self._meter = meter
        self._idle_timeout = idle_timeout
        self.access_log: AccessLog | None = None

    async def run(self, client: ClientConnection) -> None:
        """Serve one client until it leaves, breaks the rules, or its connection must end."""
        try:
            if not (client.is_welcome or await self._exchanges.welcome_late(client)):
                client.head_timeout = min(client.head_timeout, UNWELCOME_TIMEOUT)
                client.timer.set(client.head_timeout)
                head = await client.head()
                self._refuse(client, head, await self._exchanges.turn_away(client))
                return
            while True:
                client.timer.set(self._idle_timeout)
                head = await client.head()
                client.is_busy = True
                if not await self._exchanges.serve(client, head):
                    client.linger()
                    return
                client.is_busy = False
                if client.is_write_paused:
                    await client.writable(STALL_LIMIT)
        except ConnectionGoneError:
            client.close()
        except EdgeError as error:
            self._refuse(client, None, error)
        except asyncio.CancelledError:
            client.abort()
            raise
        except Exception:
            log.exception("a client was cut by a fault of s3edge itself; please report this")
            client.abort()
        finally:
            client.is_busy = False

    def _refuse(self, client: ClientConnection, head: RequestHead | None, error: EdgeError) -> None:
        """Answer a head that is not forwarded, None if it was not understood, and close."""
        self._meter.exchange(client.tenant, Operation.Other, error.status, REFUSED, 0, 0, None, 0.0)
        if not client.is_lost:
            self._replies.send(client, head, error, may_stay=False)
            client.linger()
        if self.access_log is not None:
            self.access_log.refused(client, head, error, self._replies.last_id)
