"""Each fault of the storage node, in virtual time: what arrives, and exactly when."""

import asyncio
from functools import partial

import pytest

from tests.support.client import TruncatedError, dial
from tests.support.faults import (
    GARBAGE,
    LAST_BYTES,
    AnswersEarly,
    AnswersLate,
    Chunked,
    Closes,
    DiesAfter,
    DiesReceiving,
    EndsAfter,
    Fails,
    Fault,
    NeverAnswers,
    OtherObject,
    Resets,
    SendsGarbage,
    ServesAtOnce,
    StallsAfter,
    TakesRate,
    Trickles,
    WrongLength,
    WrongRange,
)
from tests.support.objects import content, etag
from tests.support.stage import ADDRESS, Stage, now, request, stage
from tests.support.virtual_time import run

KEY = "/bench/1000B-1"
OBJECT = content(KEY, 0, 1000)
OTHER = content(KEY, 0, 1000, generation=1)
EXPECTS = request(KEY, b"Expect: 100-continue", method=b"PUT", body=b"abc")[:-3]
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("size", [0, 1, 400, 1000])
@pytest.mark.parametrize(
    "kind, is_reset, instant",
    [(DiesAfter, True, LAST_BYTES), (partial(DiesAfter, delay=2), True, 2), (EndsAfter, False, 0)],
)
def test_a_node_dies_or_ends_after_exactly_so_many_bytes(
    kind: type[DiesAfter | EndsAfter], size: int, is_reset: bool, instant: float
) -> None:
    async def main() -> None:
        async with stage(kind(size)) as scene:
            await scene.client.send(request(KEY))
            arrived = await scene.client.read_to_end()
            assert arrived.partition(b"\r\n\r\n")[2] == OBJECT[:size]
            assert b"\r\nContent-Length: 1000\r\n" in arrived
            await scene.client.lost() if is_reset else None
            assert (isinstance(scene.client.error, ConnectionResetError), now()) == (is_reset, instant)

    run(main())


def test_a_body_shorter_than_the_death_is_sent_whole() -> None:
    async def main() -> None:
        async with stage(DiesAfter(1001), EndsAfter(1001), StallsAfter(1001)) as scene:
            assert [(await scene.ask(KEY)).body for _ in range(2)] == [OBJECT] * 2

    run(main())


def test_a_stall_begins_after_its_byte_and_ends_on_time() -> None:
    async def main() -> None:
        async with stage(StallsAfter(400, 5)) as scene:
            await scene.client.send(request(KEY))
            await scene.client.read_until(b"\r\n\r\n" + OBJECT[:400])
            assert now() == 0
            assert await scene.client.read_some() == OBJECT[400:]
            assert now() == 5

    run(main())


def test_the_stall_of_a_large_body_waits_until_all_before_it_has_left() -> None:
    async def main() -> None:
        async with stage(StallsAfter(100_000, 5)) as scene:
            await scene.client.send(request("/bench/3MiB"))
            scene.client.pause()
            await asyncio.sleep(10)
            scene.client.resume()
            assert (await scene.client.read_response()).body == content("/bench/3MiB", 0, 3 << 20)
            assert now() == 15

    run(main())


def test_a_stall_without_end_never_ends() -> None:
    async def main() -> None:
        async with stage(StallsAfter(400)) as scene:
            await scene.client.send(request(KEY))
            await asyncio.sleep(900)
            assert scene.client.received.endswith(OBJECT[:400])

    run(main())


@pytest.mark.parametrize("fault, error", [(Resets(), ConnectionResetError), (Closes(), type(None))])
def test_a_connection_ends_in_place_of_an_answer(fault: Fault, error: type[object]) -> None:
    async def main() -> None:
        async with stage(fault) as scene:
            await scene.client.send(request(KEY))
            assert await scene.client.read_to_end() == b""
            assert (type(scene.client.error), now()) == (error, 0)
            assert (scene.storage.attempts, scene.storage.stats()["statuses"]) == (1, {})

    run(main())


def test_an_answer_comes_late_or_never() -> None:
    async def main() -> None:
        async with stage(AnswersLate(3)) as scene:
            assert ((await scene.ask(KEY)).body, now()) == (OBJECT, 3)
            scene.storage.set_fault(NeverAnswers())
            await scene.client.send(request(KEY))
            await asyncio.sleep(900)
            assert scene.client.taken == len(scene.client.received)

    run(main())


def test_a_body_trickles() -> None:
    async def main() -> None:
        async with stage(Trickles(300, 2)) as scene:
            await scene.client.send(request(KEY))
            await scene.client.read_until(b"\r\n\r\n")
            pieces = [(await scene.client.read_some(), now()) for _ in range(4)]
            assert pieces == [(OBJECT[300 * n : 300 * n + 300], 2 * n) for n in range(4)]

    run(main())


@pytest.mark.parametrize("headers, is_seen", [((), False), ((b"Range: bytes=0-",), True)])
def test_another_object_may_show_only_in_ranges(headers: tuple[bytes, ...], is_seen: bool) -> None:
    async def main() -> None:
        async with stage(OtherObject(only_ranged=True)) as scene:
            response = await scene.ask(KEY, *headers)
            assert response.body == (OTHER if is_seen else OBJECT)
            assert response.header(b"etag") == etag(KEY, int(is_seen)).encode()

    run(main())


@pytest.mark.parametrize("ignores, status, body", [(False, 412, None), (True, 206, OTHER[400:])])
def test_another_object_meets_a_condition_or_ignores_it(ignores: bool, status: int, body: bytes | None) -> None:
    async def main() -> None:
        async with stage(OtherObject(ignores_conditions=ignores)) as scene:
            response = await scene.ask(KEY, b"Range: bytes=400-", b"If-Match: " + etag(KEY).encode())
            assert response.status == status
            assert body is None or response.body == body
            assert (await scene.ask(KEY)).header(b"last-modified") == b"Wed, 01 Jan 2025 00:00:01 GMT"

    run(main())


@pytest.mark.parametrize("status, code", [(500, "InternalError"), (503, "SlowDown"), (502, "BadGateway")])
def test_errors_come_at_once_and_the_connection_stays(status: int, code: str) -> None:
    async def main() -> None:
        async with stage(Fails(status, code, retry_after=2, next=2)) as scene:
            for _ in range(2):
                response = await scene.ask(KEY)
                assert (response.status, response.header(b"retry-after")) == (status, b"2")
                assert f"<Code>{code}</Code>".encode() in response.body
            assert ((await scene.ask(KEY)).body, now()) == (OBJECT, 0)
            assert scene.storage.stats()["statuses"] == {"200": 1, str(status): 2}

    run(main())


def test_a_write_that_fails_has_no_effect() -> None:
    async def main() -> None:
        async with stage(Fails(method="PUT")) as scene:
            assert (await scene.ask(KEY, method=b"PUT", body=b"x")).status == 500
            assert (await scene.ask(KEY)).body == OBJECT
            assert not scene.storage.uploads

    run(main())


def test_a_rate_is_taken_and_what_is_above_it_is_told_to_slow_down() -> None:
    async def main() -> None:
        taken: list[float] = []
        async with stage(TakesRate(rate=4, burst=2)) as scene:
            for _ in range(100):
                response = await scene.ask(KEY)
                if response.status == 200:
                    taken.append(now())
                else:
                    assert (response.status, b"<Code>SlowDown</Code>" in response.body) == (503, True)
                await asyncio.sleep(0.03125)
            assert taken == [0, 0.03125, *(0.25 * quarter for quarter in range(1, 13))]
            await asyncio.sleep(60)
            assert [(await scene.ask(KEY)).status for _ in range(3)] == [200, 200, 503]

    run(main())


def test_a_node_with_few_slots_lets_the_others_queue() -> None:
    async def one(scene: Stage, instants: list[float]) -> None:
        async with dial(scene.network.connect, *ADDRESS) as client:
            await client.send(request(KEY))
            await client.read_response()
            instants.append(now())

    async def main() -> None:
        instants: list[float] = []
        async with stage(ServesAtOnce(slots=2, seconds=0.25)) as scene:
            await asyncio.gather(*(one(scene, instants) for _ in range(5)))
            assert instants == [0.25, 0.25, 0.5, 0.5, 0.75]
            await asyncio.sleep(10)
            await one(scene, instants)
            assert instants[-1] == 11

    run(main())


@pytest.mark.parametrize("fault", [AnswersEarly(), AnswersEarly(invites=True), AnswersEarly(closes=True)], ids=repr)
@pytest.mark.parametrize("head", [EXPECTS, EXPECTS.replace(b"Expect", b"X-Expect")])
def test_a_final_status_may_come_before_the_body(fault: AnswersEarly, head: bytes) -> None:
    async def main() -> None:
        async with stage(fault) as scene:
            await scene.client.send(head)
            response = await scene.client.read_response("PUT")
            assert (response.interim, response.status, now()) == ([100] * fault.invites, 500, 0)
            if fault.closes:
                assert await scene.client.read_to_end() == b""
                return
            scene.storage.clear()
            await scene.client.send(b"abc")
            assert (await scene.ask(KEY)).body == OBJECT, "the body is no request"

    run(main())


def test_a_refusal_makes_the_body_unwanted() -> None:
    async def main() -> None:
        async with stage(Fails(503, "SlowDown")) as scene:
            await scene.client.send(EXPECTS)
            response = await scene.client.read_response("PUT")
            assert (response.interim, response.status, response.header(b"connection")) == ([], 503, b"close")
            assert await scene.client.read_to_end() == b""

    run(main())


@pytest.mark.parametrize("fault", [NeverAnswers(), SendsGarbage(), Resets()], ids=repr)
def test_who_cannot_answer_does_not_ask_for_the_body(fault: Fault) -> None:
    async def main() -> None:
        async with stage(fault) as scene:
            await scene.client.send(EXPECTS)
            await asyncio.sleep(1)
            assert not scene.client.received.startswith(CONTINUE)

    run(main())


@pytest.mark.parametrize("size, is_dead", [(1, True), (1000, True), (1001, False)])
def test_a_node_dies_within_an_upload(size: int, is_dead: bool) -> None:
    async def main() -> None:
        async with stage(DiesReceiving(size)) as scene:
            await scene.client.send(request(KEY, method=b"PUT", body=OBJECT), piece=500)
            if is_dead:
                with pytest.raises(TruncatedError, match="ConnectionResetError"):
                    await scene.client.read_response("PUT")
                assert not scene.storage.uploads
            else:
                assert (await scene.client.read_response("PUT")).status == 200

    run(main())


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_no_answer_and_leaves_the_connection_open(kind: str) -> None:
    async def main() -> None:
        async with stage(SendsGarbage(kind)) as scene:
            await scene.client.send(request(KEY))
            assert await scene.client.read_exactly(len(GARBAGE[kind])) == GARBAGE[kind]
            scene.storage.clear()
            assert (await scene.ask(KEY)).body == OBJECT

    run(main())


@pytest.mark.parametrize(
    "kind, asked, status, told, body",
    [
        ("shifted", b"bytes=400-499", 206, b"bytes 399-497/1000", OBJECT[399:498]),
        ("shifted", b"bytes=0-99", 206, b"bytes 1-99/1000", OBJECT[1:100]),
        ("total", b"bytes=400-", 206, b"bytes 400-999/1001", OBJECT[400:]),
        ("missing", b"bytes=400-", 206, None, OBJECT[400:]),
        ("ignored", b"bytes=400-", 200, None, OBJECT),
    ],
)
def test_a_range_is_wrong_in_the_way_that_was_asked_for(
    kind: str, asked: bytes, status: int, told: bytes | None, body: bytes
) -> None:
    async def main() -> None:
        async with stage(WrongRange(kind)) as scene:
            response = await scene.ask(KEY, b"Range: " + asked)
            assert (response.status, response.header(b"content-range"), response.body) == (status, told, body)
            assert (await scene.ask(KEY)).body == OBJECT, "without a range nothing is wrong"

    run(main())


def test_a_length_is_too_long_or_too_short() -> None:
    async def main() -> None:
        async with stage(WrongLength(-1)) as scene:
            assert (await scene.ask(KEY)).body == OBJECT[:-1]
            assert await scene.client.read_some() == OBJECT[-1:]
            scene.storage.set_fault(WrongLength(1), EndsAfter(1000))
            with pytest.raises(TruncatedError) as caught:
                await scene.ask(KEY)
            assert caught.value.response.header(b"content-length") == b"1001"

    run(main())


def test_chunks_carry_the_same_bytes() -> None:
    async def main() -> None:
        async with stage(Chunked(300)) as scene:
            response = await scene.ask(KEY)
            assert (response.body, response.header(b"content-length")) == (OBJECT, None)
            assert b"\r\n12c\r\n" in response.raw
            assert response.raw.endswith(b"\r\n0\r\n\r\n")
            assert (await scene.ask(KEY, method=b"HEAD")).header(b"content-length") == b"1000"
            assert (await scene.ask(KEY, b"If-None-Match: *")).status == 304
            assert (await scene.ask(KEY)).body == OBJECT

    run(main())


def test_faults_given_together_take_effect_in_their_order() -> None:
    async def main() -> None:
        async with stage(DiesAfter(400), Chunked(300), AnswersLate(5)) as scene:
            with pytest.raises(TruncatedError) as caught:
                await scene.ask(KEY)
            assert (caught.value.response.body, now()) == (OBJECT[:400], 5 + LAST_BYTES)

    run(main())


@pytest.mark.parametrize(
    "fault, failed",
    [
        (Fails(), [0, 1, 2, 3, 4, 5]),
        (Fails(next=2), [0, 1]),
        (Fails(every=3), [0, 3]),
        (Fails(every=2, next=2), [0, 2]),
        (Fails(at_least=1001), [3]),
        (Fails(method="HEAD"), [1, 4]),
        (Fails(next=0), []),
    ],
)
def test_a_fault_befalls_the_requests_that_it_is_for(fault: Fault, failed: list[int]) -> None:
    async def main() -> None:
        asked = [(b"GET", KEY), (b"HEAD", KEY), (b"PUT", "/b/k"), (b"GET", "/b/1001B"), (b"HEAD", KEY), (b"GET", KEY)]
        async with stage(fault) as scene:
            statuses = [(await scene.ask(path, method=method)).status for method, path in asked]
            assert [number for number, status in enumerate(statuses) if status == 500] == failed

    run(main())


@pytest.mark.parametrize("probes, status", [(False, 200), (True, 500)])
def test_probes_find_a_fault_only_if_it_is_for_them(probes: bool, status: int) -> None:
    async def main() -> None:
        async with stage(Fails(probes=probes)) as scene:
            assert (await scene.ask("/health")).status == status

    run(main())


def test_a_request_under_way_keeps_its_fault() -> None:
    async def main() -> None:
        async with stage(AnswersLate(5)) as scene:
            await scene.client.send(request(KEY))
            await asyncio.sleep(1)
            scene.storage.clear()
            assert (await scene.client.read_response()).status == 200
            assert now() == 5

    run(main())
