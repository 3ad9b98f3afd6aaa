"""The log of s3edge itself, as a person and as a program reads it."""

import json
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from s3edge.config.log import Format, Level, Log
from s3edge.server.logs import start_logging

TEXT = Log(format=Format.TEXT)
JSON = Log(format=Format.JSON)

log = logging.getLogger("s3edge.proxy.session")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("s3edge")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


def test_a_line_of_json_says_when_how_grave_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("worker 3", JSON)
    log.warning('cut "%s"\nby é\x1b[2J', "b/k")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert (out, err.count("\n"), err.isascii(), "\x1b" in err) == ("", 1, True, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line.pop("time"))).total_seconds()) < 60  # noqa: TID251
    assert line == {
        "level": "warning",
        "part": "worker 3",
        "logger": "s3edge.proxy.session",
        "message": 'cut "b/k"\nby é\x1b[2J',
    }


def test_an_exception_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("supervisor", JSON)
    try:
        raise ValueError("never thought of")
    except ValueError:
        log.exception("please report this")
    [line] = capsys.readouterr().err.splitlines()
    exception = json.loads(line)["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("ValueError: never thought of")


def test_a_line_of_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("supervisor", TEXT)
    log.info("ready")
    assert re.fullmatch(r"[-\d]{10} [\d:]{8},\d{3} INFO    supervisor: ready\n", capsys.readouterr().err)


def test_by_itself_it_is_text_on_a_terminal_and_else_json() -> None:
    for open_two, is_text in ((os.openpty, True), (os.pipe, False)):
        reader, writer = open_two()
        with os.fdopen(writer, "w") as stderr:
            start_logging("supervisor", Log(), stderr)
            log.error("x")
            assert (os.read(reader, 100)[:1] != b"{") == is_text
        os.close(reader)


@pytest.mark.parametrize(
    "level, told",
    [
        (Level.DEBUG, ["debug", "info", "warning", "error"]),
        (Level.INFO, ["info", "warning", "error"]),
        (Level.ERROR, ["error"]),
    ],
)
def test_the_level_says_what_is_worth_a_line(level: Level, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("supervisor", Log(level=level, format=Format.JSON))
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("x")
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == told


def test_libraries_may_say_what_is_wrong_and_no_more_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    """botocore logs at debug what it signs and the signature."""
    start_logging("supervisor", Log(level=Level.DEBUG, format=Format.JSON))
    botocore = logging.getLogger("botocore.auth")
    botocore.debug("Signature: hunter2")
    botocore.info("hunter2")
    botocore.warning("wrong")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "wrong"
