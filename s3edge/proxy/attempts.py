"""Getting a good answer head from some node. The client has seen nothing yet, so another try can hide a failure."""

import asyncio
from collections.abc import Mapping, Sequence

from s3edge.errors import ClientError, EdgeError, NodeError, Overloaded, Retry
from s3edge.http1.body import BadBodyError
from s3edge.http1.head import RequestHead, ResponseHead
from s3edge.proxy.client import STALL_LIMIT, ClientConnection
from s3edge.proxy.heads import for_node
from s3edge.routing.node import Node
from s3edge.routing.table import Plan
from s3edge.s3.request import S3Request
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import ConnectionGoneError
from s3edge.transport.splice import Splicing, transfer
from s3edge.transport.transfer import SourceEndedError, StalledError, Transfer
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.connection import NodeConnection
from s3edge.upstream.pool import Pool


class Attempt:
    """One try of a request at one node, from the choice of the node to the end of its answer's body.

    `connection` and `answer` are there once they were got. The owner calls `end` exactly once.
    """

    __slots__ = ("answer", "client", "connection", "is_connected", "pool", "upload")

    answer: ResponseHead
    connection: NodeConnection

    def __init__(self, pool: Pool, client: ClientConnection) -> None:
        self.pool = pool
        self.client = client
        self.is_connected = False
        self.upload: Transfer | None = None
        pool.node.inflight += 1

    @property
    def is_body_sent(self) -> bool:
        """Whether the node was given the whole body of the request."""
        return self.upload is None or (self.upload.is_done and self.upload.error is None)

    def send(self, connection: NodeConnection, head: RequestHead, splicing: Splicing) -> None:
        """Send the request over `connection`; raises `ConnectionGoneError` if it is gone already.

        The body goes out as the client brings it, also before any `100`: a client that waits for one sends nothing, and
        one that does not wait must not be held up.
        """
        self.connection = connection
        self.is_connected = True
        if connection.is_lost:
            raise ConnectionGoneError
        connection.method = head.method
        raw = for_node(head, self.client.forwarded_for)
        if head.length == 0:
            connection.transport.write(raw)
            connection.timer.set(connection.answer_timeout)
            return
        if head.expects_continue:
            connection.timer.set(connection.answer_timeout)
        else:
            connection.timer.clear()  # of its idle time in the pool; the node's time begins with `_body_ended`
        self.upload = transfer(self.client, connection, head.length, STALL_LIMIT, splicing)
        self.upload.start(raw, self._body_ended)

    async def final_answer(self, head: RequestHead, answer: ResponseHead) -> ResponseHead:
        """The final answer's head; interim ones (1xx), of which `answer` is the first, are passed on.

        Raises `EdgeError` and `ConnectionGoneError`.
        """
        while answer.status < 200:
            if head.minor == 1:
                self.client.transport.write(answer.raw)
            if not self.is_body_sent:
                self.connection.timer.clear()  # from now on the client's pace counts; see `_body_ended`
            answer = await self.connection.head()
        return answer

    def end(self, outcome: str, meter: Meter, *, is_reusable: bool = False) -> None:
        """This attempt is over: give the connection back, or discard it with whatever is under way there."""
        node = self.pool.node
        node.inflight -= 1
        meter.attempt(node.name, outcome)
        if is_reusable:
            self.pool.give_back(self.connection)
            return
        if self.upload is not None:
            self.upload.cancel()
        if self.is_connected:
            self.connection.abort()

    def _body_ended(self, error: Exception | None) -> None:
        """The request body is over: the node's time to answer begins, or whoever broke it off is to blame."""
        connection = self.connection
        if isinstance(error, SourceEndedError):
            self.client.abort()
        elif isinstance(error, BadBodyError):
            connection.fail(ClientError(400, "InvalidRequest", f"The body is not well-formed: {error}."))
        elif isinstance(error, StalledError):
            connection.fail(ClientError(400, "RequestTimeout", f"No byte of the body moved for {STALL_LIMIT:g} s."))
        else:
            connection.timer.set(connection.answer_timeout)


class Attempts:
    """Makes attempts until one brings an answer, or none is left to make."""

    def __init__(self, clusters: Mapping[str, Cluster], splicing: Splicing, meter: Meter) -> None:
        self._clusters = clusters
        self._splicing = splicing
        self._meter = meter

    async def answered(self, client: ClientConnection, head: RequestHead, request: S3Request, plan: Plan) -> Attempt:
        """The first attempt with a final answer; raises `EdgeError` when there is none.

        A node that cannot be connected to has not seen the request, so another is asked.
        """
        tried: list[Node] = []
        reason = ""
        again: Pool | None = None
        while True:
            attempt = Attempt(again or self._pick(plan, tried, reason), client)
            kept = None if again else attempt.pool.take()
            try:
                attempt.send(kept or await attempt.pool.open(), head, self._splicing)
                answer = await attempt.connection.head()
                attempt.answer = answer if answer.status >= 200 else await attempt.final_answer(head, answer)
                return attempt
            except EdgeError as error:
                attempt.end(error.code, self._meter)
                if error.retry is not Retry.SAFE:
                    raise
                again, reason = None, error.message
                tried.append(attempt.pool.node)
            except ConnectionGoneError:
                attempt.end("closed", self._meter)
                # Nodes close kept connections when they like, also while a request is on its way to them.
                if kept is None or not _may_be_sent_again(attempt, request):
                    message = f"Node {attempt.pool.node.name} closed the connection instead of an answer."
                    raise NodeError("BadGateway", message) from None
                again = attempt.pool
            except asyncio.CancelledError:
                attempt.end("cancelled", self._meter)
                raise

    def _pick(self, plan: Plan, tried: Sequence[Node], reason: str) -> Pool:
        for name in plan.clusters:
            pool = self._clusters[name].pick(plan.balance, tried)
            if pool is not None:
                return pool
        if tried:
            raise Overloaded(f"No storage node can be connected to, {len(tried)} tried. The last: {reason}")
        raise Overloaded("No storage node is up.")


def _may_be_sent_again(attempt: Attempt, request: S3Request) -> bool:
    """No byte of an answer has come, no byte of the body was taken from the client, and sending twice does no harm."""
    upload = attempt.upload
    return not attempt.connection.unread_size and (upload is None or upload.moved == 0) and request.is_replayable
