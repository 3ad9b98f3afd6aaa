"""Nodes that misbehave, on real sockets: spliced and relayed bodies, plain and by TLS, raw clients and boto3."""

import asyncio
import random
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import IncompleteReadError, ResponseStreamingError

from tests.support.faults import (
    AnswersLate,
    Chunked,
    Closes,
    DiesAfter,
    DiesReceiving,
    DropsConnects,
    EndsAfter,
    Fails,
    Fault,
    NeverAnswers,
    OtherObject,
    Refuses,
    Resets,
    SendsGarbage,
    StallsAfter,
    Trickles,
    WrongRange,
)
from tests.support.objects import content, matches, size_of
from tests.wire.edge import Certificate
from tests.wire.failing import Failing, failing
from tests.wire.wiring import MIB, run

pytestmark = pytest.mark.wire

# Client, edge and node share one loop here, so that all bytes before a death need some of its turns to arrive.
DELAY = 0.1
LARGE = "/bucket/4MiB"
SMALL = "/bucket/64KiB"


async def read_whole(wire: Failing, path: str) -> float:
    """Seconds that it took to read the object, which must be whole."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    response, is_cut = await wire.read(path)
    assert (response.status, is_cut, len(response.body)) == (200, False, size_of(path))
    assert matches(path, 0, response.body)
    return loop.time() - began


# Before the first byte.


@pytest.mark.parametrize(
    "fault, longest",
    [
        (Refuses(), 0.5),
        (Resets(), 0.5),
        (Closes(), 0.5),
        (Fails(500), 0.5),
        (Fails(503, "SlowDown"), 0.5),
        (SendsGarbage(), 0.5),
        (DropsConnects(), 1.0),
        (NeverAnswers(), 1.0),
        (AnswersLate(3), 1.0),
    ],
    ids=repr,
)
def test_a_node_that_gives_no_good_answer_is_hidden(fault: Fault, longest: float) -> None:
    async def main() -> None:
        async with failing((fault,), ()) as wire:
            assert await read_whole(wire, LARGE) < longest
            assert wire.nodes[1].storage.attempts == 1

    run(main)


@pytest.mark.parametrize("at_front", [False, True])
@pytest.mark.parametrize("at_back", [False, True])
@pytest.mark.parametrize("fault", [Resets(), NeverAnswers(), Fails(500)], ids=repr)
def test_tls_makes_no_difference_before_the_first_byte(
    fault: Fault, at_front: bool, at_back: bool, certificate: Certificate
) -> None:
    async def main() -> None:
        sides = {"at_front": certificate if at_front else None, "at_back": certificate if at_back else None}
        async with failing((fault,), (), **sides) as wire:
            await read_whole(wire, SMALL)

    run(main)


# In the middle of a body.


@pytest.mark.parametrize("path", [SMALL, LARGE, "/bucket/200KiB"])
@pytest.mark.parametrize(
    "fault",
    [
        (DiesAfter(50_000, DELAY),),
        (EndsAfter(50_000),),
        (StallsAfter(50_000),),
        (DiesAfter(50_000, DELAY), Chunked(7_000)),
        (StallsAfter(50_000), Chunked(7_000)),
        (Trickles(40_000, 0.02), DiesAfter(50_000, DELAY)),
    ],
    ids=repr,
)
def test_a_body_goes_on_from_another_node(fault: tuple[Fault, ...], path: str) -> None:
    async def main() -> None:
        async with failing(fault, ()) as wire:
            took = await read_whole(wire, path)
            assert took < (1.5 if isinstance(fault[0], StallsAfter) else 0.75)
            assert wire.count("resumes_total") == 1
            assert (wire.count("spliced_bytes_total") > 0) == (path != SMALL and not isinstance(fault[-1], Chunked))

    run(main)


@pytest.mark.parametrize("at_front", [False, True])
@pytest.mark.parametrize("at_back", [False, True])
@pytest.mark.parametrize("fault", [DiesAfter(1_500_000, DELAY), EndsAfter(1_500_000), StallsAfter(1_500_000)])
def test_a_body_goes_on_by_tls_on_either_side(
    fault: Fault, at_front: bool, at_back: bool, certificate: Certificate
) -> None:
    async def main() -> None:
        sides = {"at_front": certificate if at_front else None, "at_back": certificate if at_back else None}
        async with failing((fault,), (), **sides) as wire:
            await read_whole(wire, LARGE)
            assert wire.count("resumes_total") == 1
            assert (wire.count("spliced_bytes_total") > 0) == (not at_front and not at_back)

    run(main)


def test_a_stalled_node_is_asked_again_when_there_is_no_other() -> None:
    async def main() -> None:
        async with failing((StallsAfter(1_500_000, next=1),)) as wire:
            assert 0.75 <= await read_whole(wire, LARGE) < 1.5
            assert wire.count("resumes_total") == 1

    run(main)


def test_a_stall_that_no_node_can_mend_is_waited_for() -> None:
    async def main() -> None:
        async with failing((StallsAfter(1_500_000, seconds=1.3),)) as wire:
            [node] = wire.nodes
            asyncio.get_running_loop().call_later(0.5, node.set_fault, Fails(500))
            assert 1.3 <= await read_whole(wire, LARGE) < 2
            assert wire.count("resumes_total") == 0

    run(main)


@pytest.mark.parametrize(
    "lie", [OtherObject(), OtherObject(ignores_conditions=True), WrongRange("shifted"), WrongRange("total")], ids=repr
)
@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_two_objects_are_never_mixed(lie: Fault, path: str) -> None:
    async def main() -> None:
        async with failing((DiesAfter(50_000, DELAY),), (lie,)) as wire:
            asyncio.get_running_loop().call_later(DELAY / 2, wire.nodes[0].set_fault, lie)
            response, is_cut = await wire.read(path)
            assert is_cut
            assert matches(path, 0, response.body)
            assert wire.count("bodies_cut_total") == 1

    run(main)


def test_a_node_killed_under_many_readers_is_not_seen_by_any() -> None:
    async def reader(wire: Failing, rng: random.Random, end: float) -> None:
        while asyncio.get_running_loop().time() < end:
            await read_whole(wire, rng.choice(["/bucket/4KiB", SMALL, LARGE, "/bucket/1MiB"]))

    async def main() -> None:
        rng = random.Random(3)
        async with failing((), (), ()) as wire:
            end = asyncio.get_running_loop().time() + 3
            async with asyncio.TaskGroup() as group:
                for number in range(12):
                    group.create_task(reader(wire, rng, end), name=f"reader {number}")
                while asyncio.get_running_loop().time() < end - 0.3:
                    killed = rng.choice(wire.nodes)
                    killed.set_fault(Refuses(cuts=True))
                    await asyncio.sleep(0.2)
                    killed.clear()
                    await asyncio.sleep(0.1)
            assert wire.count("bodies_cut_total") == 0
            assert wire.count("resumes_total") > 0

    run(main)


def test_a_client_killed_during_a_resume_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with failing((DiesAfter(1_500_000, DELAY),), (NeverAnswers(),)) as wire:
            asking = asyncio.create_task(wire.read(LARGE), name="reader")
            while not wire.nodes[1].storage.attempts:  # noqa: ASYNC110  # a node tells nobody when it is asked
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    run(main)


# Uploads.


@pytest.mark.parametrize("size", [1000, MIB])
@pytest.mark.parametrize("fault", [DiesReceiving(1), DiesReceiving(500), Fails(500), Refuses(), Resets()], ids=repr)
@pytest.mark.parametrize("at_back", [False, True])
def test_an_upload_that_fits_the_buffer_goes_to_another_node(
    fault: Fault, size: int, at_back: bool, certificate: Certificate
) -> None:
    async def main() -> None:
        body = content("/any", 0, size)
        async with failing((fault,), (), at_back=certificate if at_back else None) as wire:
            response, _ = await wire.read("/bucket/new", method=b"PUT", body=body)
            assert response.status == 200
            assert [upload.body for upload in wire.nodes[1].storage.uploads] == [body]

    run(main)


def test_an_upload_above_the_buffer_is_the_clients_to_send_again() -> None:
    async def main() -> None:
        async with failing((DiesReceiving(2 * MIB),), ()) as wire:
            response, is_cut = await wire.read("/bucket/new", method=b"PUT", body=bytes(8 * MIB))
            assert is_cut or response.status == 500
            assert wire.nodes[1].storage.attempts == 0

    run(main)


# boto3, whose get_object()["Body"].read() is not retried by itself, and checks the checksum.


def s3(wire: Failing, certificate: Certificate | None = None, attempts: int = 1) -> Any:
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=wire.url,
        aws_access_key_id="AKWIRE",
        aws_secret_access_key="secret",
        region_name="us-east-1",
        verify=str(certificate.ca) if certificate else None,
        config=config,
    )


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("fault", [DiesAfter(3_000_000, DELAY), StallsAfter(3_000_000), Resets()], ids=repr)
def test_a_plain_read_of_boto3_sees_no_failure(fault: Fault, is_tls: bool, certificate: Certificate) -> None:
    async def main() -> None:
        shown = certificate if is_tls else None
        async with failing((fault,), (), at_front=shown) as wire:

            def reads() -> None:
                client = s3(wire, shown)
                body = client.get_object(Bucket="bucket", Key="4MiB")["Body"].read()
                assert len(body) == 4 * MIB
                assert matches(LARGE, 0, body)
                ranged = client.get_object(Bucket="bucket", Key="4MiB", Range="bytes=1000-4099999")["Body"].read()
                assert ranged == content(LARGE, 1000, 4_099_000)
                client.close()

            await asyncio.to_thread(reads)

    run(main)


def test_a_cut_is_an_error_for_boto3() -> None:
    async def main() -> None:
        async with failing((DiesAfter(3_000_000, DELAY),), (OtherObject(),)) as wire:

            def reads() -> None:
                client = s3(wire)
                stream = client.get_object(Bucket="bucket", Key="4MiB")["Body"]
                wire.nodes[0].set_fault(OtherObject())
                with pytest.raises((IncompleteReadError, ResponseStreamingError)):
                    stream.read()
                stream.close()
                client.close()

            await asyncio.to_thread(reads)

    run(main)


@pytest.mark.parametrize("fault", [Resets(), DiesReceiving(1000), Fails(500), Fails(503, "SlowDown")], ids=repr)
def test_an_upload_of_boto3_sees_no_failure(fault: Fault) -> None:
    async def main() -> None:
        async with failing((fault,), ()) as wire:

            def writes() -> None:
                client = s3(wire)
                client.put_object(Bucket="bucket", Key="new", Body=content("/any", 0, 300_000))
                client.close()

            await asyncio.to_thread(writes)
            assert [upload.body for upload in wire.nodes[1].storage.uploads] == [content("/any", 0, 300_000)]

    run(main)
