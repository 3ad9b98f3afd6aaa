"""Writers on real sockets, in front of a node that misbehaves."""

import asyncio
from collections import Counter

from loadtests.load import Load
from loadtests.readers import Run
from loadtests.records import Record
from loadtests.writers import PART, PARTS, TRIES, writes
from tests.support.faults import Fails, Fault
from tests.support.serving import serving


async def written(*faults: Fault) -> tuple[list[Record], Counter[str], set[bytes]]:
    """What became of the uploads of 0.3 s, how often a request was sent again, and the methods that the node saw."""
    counts: Counter[str] = Counter()
    async with serving(*faults) as service:
        run = Run(service.port, Load(1.0, rate=100.0, patience=5.0))
        is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, is_over.set)
        await writes(run, is_over, counts)
        return run.records, counts, {request.method for request in service.storage.requests}


def test_uploads_whole_and_in_parts_are_compared_and_counted() -> None:
    records, counts, methods = asyncio.run(written())
    assert {record.outcome for record in records} == {"ok"}
    assert max(record.size for record in records) == PARTS * PART
    assert methods == {b"PUT", b"POST"}
    assert counts["again"] == 0


def test_what_a_proxy_cannot_repeat_is_sent_again_and_nothing_else_is() -> None:
    records, counts, _ = asyncio.run(written(Fails(500, method="POST", next=1)))
    assert ({record.outcome for record in records}, counts["again"]) == ({"ok"}, 1)
    records, counts, _ = asyncio.run(written(Fails(500, method="PUT", next=1)))
    assert Counter(record.outcome for record in records)["500"] + counts["again"] == 1


def test_what_fails_always_has_failed() -> None:
    records, counts, _ = asyncio.run(written(Fails(503)))
    assert {record.outcome for record in records} == {"503"}
    assert counts["again"] % (TRIES - 1) == 0
