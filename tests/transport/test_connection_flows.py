"""What one connection tells the transfers that it is the source and the sink of."""

import asyncio
import gc
import weakref

from s3edge.transport.connection import WRITE_BUFFER
from tests.support.memory import Link
from tests.support.virtual_time import run
from tests.transport.ends import (
    line,
    pair,
)


class Flow:
    """Notes what a connection tells its inflow and outflow."""

    def __init__(self) -> None:
        self.moved = 0
        self.told: list[object] = []

    def feed(self, data: memoryview) -> None:
        self.told.append(bytes(data))

    def source_ended(self, error: Exception | None) -> None:
        self.told.append(("ended", type(error)))

    def timed_out(self) -> None:
        self.told.append("timed out")

    def sink_paused(self) -> None:
        self.told.append("paused")

    def sink_resumed(self) -> None:
        self.told.append("resumed")

    def sink_ended(self) -> None:
        self.told.append("gone")


def test_an_inflow_gets_what_arrives_the_limit_and_the_end() -> None:
    async def main() -> list[object]:
        connection, peer = await pair()
        connection.inflow = flow = Flow()
        peer.transport.write(b"body")
        peer.transport.write(line(0))
        await asyncio.sleep(1)
        connection.timer.set(1)
        await asyncio.sleep(10)
        peer.transport.write_eof()
        await asyncio.sleep(1)
        assert connection.unread == b""
        return flow.told[:4]

    assert run(main()) == [b"body", line(0), "timed out", ("ended", type(None))]


def test_a_reset_is_told_to_both_flows_with_its_error() -> None:
    async def main() -> None:
        connection, peer = await pair()
        connection.inflow, connection.outflow = inflow, outflow = Flow(), Flow()
        peer.abort()
        await asyncio.sleep(1)
        assert inflow.told == [("ended", ConnectionResetError)]
        assert outflow.told == ["gone"]

    run(main())


def test_an_outflow_keeps_the_pace_of_the_reader() -> None:
    async def main() -> None:
        connection, peer = await pair(Link(capacity=1000))
        connection.outflow = flow = Flow()
        peer.pause()
        connection.transport.write(bytes(1000 + WRITE_BUFFER))
        paused = [connection.is_write_paused]
        connection.transport.write(b"x")
        paused.append(connection.is_write_paused)
        assert flow.told == ["paused"]
        peer.resume()
        await asyncio.sleep(1)
        paused.append(connection.is_write_paused)
        assert flow.told == ["paused", "resumed"]
        assert paused == [False, True, False]

    run(main())


def test_close_sends_what_was_written_and_abort_does_not() -> None:
    async def main() -> None:
        for is_abort in (False, True):
            connection, peer = await pair(Link(capacity=1000))
            connection.transport.write(bytes(5000))
            connection.abort() if is_abort else connection.close()
            received = await peer.read_to_end()
            assert (len(received), peer.error is None) == ((0, False) if is_abort else (5000, True))

    run(main())


def test_a_connection_that_is_gone_is_not_kept_by_its_time_limit() -> None:
    """Regression: each closed connection stayed in memory until its idle limit would have fired, 75 s later."""

    async def main() -> None:
        connection, peer = await pair()
        connection.timer.set(75)
        await peer.close()
        assert connection.is_lost
        owner = weakref.ref(connection)
        wheel = connection.timer._wheel
        del connection, peer
        await asyncio.sleep(1)
        gc.collect()
        assert owner() is None
        assert wheel.now() < 75

    run(main())
