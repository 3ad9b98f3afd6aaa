"""What the access log tells of exchanges, and that it tells the same as the metrics."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, in_turn, put, scene, turns
from tests.support.edge import config_for
from tests.support.faults import AnswersLate, Closes, DiesAfter, Fails, NeverAnswers
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
LARGE = "/bucket/300KiB"
SIZE = 300 * 1024


class Told:
    """The access log of a scene, once it is over."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def only(self, *names: str) -> list[tuple[Any, ...]]:
        """These fields of each line."""
        return [tuple(line.get(name) for name in names) for line in self.lines]


@asynccontextmanager
async def logged(folder: Path, *storages: Storage, **sections: Any) -> AsyncIterator[tuple[Scene, Told]]:
    path = folder / "access.log"
    access_log = {"to": str(path), **sections.pop("access_log", {})}
    async with scene(*storages, access_log=access_log, **sections) as stage:
        yield stage, Told(path)


def test_a_retry_a_hedge_and_a_resume_are_told_with_what_they_took(tmp_path: Path) -> None:
    async def main() -> Told:
        first, second = Storage(), Storage()
        sections = {"tiers": [0, 1], "policies": in_turn(hedge={"budget": "50%"}), "connections": {"idle": 0}}
        async with logged(tmp_path, first, second, **sections) as (stage, told):
            for _ in range(3):
                await read_object(stage, KEY)
                await asyncio.sleep(1)
            for fault in (Closes(), AnswersLate(1), DiesAfter(100_000)):
                first.set_fault(fault)
                await read_object(stage, LARGE)
                await asyncio.sleep(1)
            first.clear()
        return told

    told = run(main())
    assert told.only("node", "attempts", "hedged", "resumes", "outcome", "sent")[3:] == [
        ("node-1:9000", 2, None, None, "done", SIZE),
        ("node-1:9000", 2, True, None, "done", SIZE),
        ("node-1:9000", 2, None, 1, "done", SIZE),
    ]
    assert told.lines[4]["first_byte"] == 0.25


def test_an_answer_of_the_edge_is_told_with_its_code_and_id(tmp_path: Path) -> None:
    async def main() -> tuple[Told, bytes | None]:
        async with logged(tmp_path, Storage(Fails(500))) as (stage, told):
            stage.network.refuse(("node-0", 9000))
            answer = (await read(stage, get(KEY))).response
        return told, answer.header(b"x-amz-request-id")

    told, request_id = run(main())
    assert request_id is not None
    assert told.only("status", "outcome", "error", "request_id", "node", "attempts", "first_byte") == [
        (503, "failed", "ServiceUnavailable", request_id.decode(), None, 1, None)
    ]


def test_a_head_that_is_no_head_is_told(tmp_path: Path) -> None:
    async def main() -> Told:
        async with logged(tmp_path, Storage()) as (stage, told):
            assert (await stage.ask(b"GET /x\r\n\r\n"))[0] == 400
        return told

    assert run(main()).only("client", "operation", "status", "outcome", "error", "method", "key") == [
        ("192.0.2.1", "Other", 400, "refused", "InvalidRequest", None, None)
    ]


def test_the_time_that_a_request_waited_for_room_is_told(tmp_path: Path) -> None:
    async def main() -> Told:
        policies = [{"policy": "p", "limits": {"concurrency": 1}}]
        async with logged(tmp_path, Storage(AnswersLate(1)), policies=policies) as (stage, told):
            await asyncio.gather(*(read(stage, get(KEY)) for _ in range(2)))
        return told

    assert run(main()).only("waited", "first_byte", "policy") == [(None, 1.0, "p"), (1.0, 2.0, "p")]


def test_a_client_that_left_before_an_answer_is_told(tmp_path: Path) -> None:
    async def main() -> Told:
        async with logged(tmp_path, Storage(NeverAnswers())) as (stage, told), stage.dial() as client:
            await client.send(get(KEY))
            await asyncio.sleep(1)
            client.transport.close()
            await turns()
        return told

    assert run(main()).only("status", "outcome", "request_id", "attempts") == [(0, "client_gone", None, 1)]


def test_counts_and_bytes_are_those_of_the_metrics(tmp_path: Path) -> None:
    async def main() -> tuple[Told, Scene]:
        first, second = Storage(), Storage()
        faults = (Closes(), DiesAfter(70_000), Fails(500), AnswersLate(1), None)
        async with logged(tmp_path, first, second, tiers=[0, 1], policies=in_turn()) as (stage, told):
            for number in range(12):
                first.set_fault(*filter(None, faults[number % len(faults) :][:1]))
                await read(stage, get(LARGE, *((b"Range: bytes=5-200000",) if number % 2 else ())))
                await stage.ask(get(KEY, method=b"HEAD"))
                await stage.ask(put(b"x" * number * 20_000))
                await stage.ask(get("/bucket?list-type=2"))
            await stage.ask(b"GET /x\r\n\r\n")
            stage.network.refuse(("node-0", 9000))
            stage.network.refuse(("node-1", 9000))
            await stage.ask(put(b"lost"))
            async with stage.dial() as client:
                await client.send(get(KEY))
                client.abort()
                await turns()
        return told, stage

    told, stage = run(main())
    lines = told.lines
    outcomes = Counter((line["operation"], str(line["status"]), line["outcome"]) for line in lines)
    assert outcomes == stage.outcomes
    for name in ("sent", "received"):
        found: Counter[tuple[str]] = Counter()
        for line in lines:
            found[line["operation"],] += line[name]
        assert found == Counter(stage.count(f"{name}_bytes_total")), name
    assert sum(line.get("attempts", 0) for line in lines) == sum(stage.count("attempts_total").values())
    assert sum(line.get("resumes", 0) for line in lines) == sum(stage.count("resumes_total").values()) > 0
    assert stage.count("access_log_lines_total") == {(): len(lines)}
    assert stage.count("access_log_dropped_total") == {("late",): 0, ("failed",): 0}


def test_of_what_went_well_a_part_may_be_told_and_the_rest_reckoned(tmp_path: Path) -> None:
    async def main() -> Told:
        storage = Storage()
        async with logged(tmp_path, storage, access_log={"successes": 4}, policies=in_turn()) as (stage, told):
            for _ in range(8):
                await read_object(stage, KEY)
            storage.set_fault(Fails(501))
            for _ in range(2):
                await read(stage, get(KEY))
        return told

    told = run(main())
    assert told.only("status", "sampled") == [(200, 4), (200, 4), (501, None), (501, None)]
    assert sum(line.get("sampled", 1) for line in told.lines) == 10


@pytest.mark.parametrize("to", ["none", "other.log"])
def test_it_may_be_changed_while_requests_are_under_way(tmp_path: Path, to: str) -> None:
    async def main() -> Told:
        async with logged(tmp_path, Storage(AnswersLate(1))) as (stage, told):
            await read_object(stage, KEY)
            reading = asyncio.create_task(read_object(stage, LARGE), name="read")
            await asyncio.sleep(0.5)
            where = to if to == "none" else str(tmp_path / to)
            stage.edge.configure(config_for(("node-0", 9000), access_log={"to": where}))
            await reading
        return told

    told = run(main())
    assert told.only("key") == [("1000B",)]
    if to != "none":
        assert Told(tmp_path / to).only("key") == [("300KiB",)]
    else:
        assert [file.name for file in tmp_path.iterdir()] == ["access.log"]


def test_a_renamed_file_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async def main() -> Told:
        async with logged(tmp_path, Storage()) as (stage, told):
            await read_object(stage, KEY)
            told.path.rename(tmp_path / "access.log.1")
            stage.edge.reopen_access_log()
            await read_object(stage, LARGE)
        return told

    told = run(main())
    assert Told(tmp_path / "access.log.1").only("key") == [("1000B",)]
    assert told.only("key") == [("300KiB",)]
