import asyncio
import random
from typing import Any

import pytest

from loadtests.edge_clients import KEYS, NAME, OK, SIZE, WRONG, Seen, Sightings, outcome_of, read_on, turning
from tests.support.objects import content
from tests.support.virtual_time import run

KEY = KEYS[0]
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def look_up(host: Any, port: int) -> list[Any]:
    return [(host, port)]


def test_each_look_up_of_the_name_has_all_addresses_in_another_order() -> None:
    ask = turning(ADDRESSES, random.Random(1), look_up)
    answers = [ask(NAME, 9000) for _ in range(20)]
    assert all(sorted(answer) == [(address, 9000) for address in ADDRESSES] for answer in answers)
    assert {answer[0][0] for answer in answers} == set(ADDRESSES)


def test_other_names_are_looked_up_as_before() -> None:
    assert turning(ADDRESSES, random.Random(1), look_up)("localhost", 80) == [("localhost", 80)]


async def whole(key: str) -> bytes:
    return content(f"/bench/{key}", 0, SIZE)


async def short(key: str) -> bytes:
    return content(f"/bench/{key}", 0, SIZE - 1)


async def another(key: str) -> bytes:
    return content("/bench/another", 0, SIZE)


async def broken(key: str) -> bytes:
    raise ConnectionResetError("reset")


def test_an_outcome_is_ok_wrong_or_what_the_client_raised(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [run(outcome_of(read, KEY)) for read in (whole, short, another, broken)]
    assert outcomes == [OK, WRONG, WRONG, "ConnectionResetError"]
    assert capsys.readouterr().err == "ConnectionResetError: reset\n"


def test_a_reader_reads_on_after_a_failure_until_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> list[Seen]:
        is_over = asyncio.Event()
        reads = iter((broken, whole, whole))

        async def read(key: str) -> bytes:
            once = next(reads, None)
            if once is None:
                is_over.set()
            return await (once or short)(key)

        return await read_on("boto3", 2, read, 0.0, is_over)

    seen = run(scenario())
    assert [one.outcome for one in seen] == ["ConnectionResetError", OK, OK, WRONG]
    assert {(one.kind, one.reader) for one in seen} == {("boto3", 2)}


def test_what_was_seen_is_the_same_after_a_file() -> None:
    sightings = Sightings(5.0, [Seen("s3fs", 1, 0.5, 1.6, OK)], {"s3fs": 1})
    assert Sightings.from_json(sightings.to_json()) == sightings
