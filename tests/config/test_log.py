from pathlib import Path

import pytest

from s3edge.config.log import AccessLog, Format, Level, Log
from s3edge.config.model import Config
from tests.config.test_check import NODES, faults_of

CLUSTER = {"name": "c", "nodes": ["http://n"]}
OUTLETS = "none, stdout, or the path of a file, relative to the folder of the configuration file"


def test_nothing_is_logged_of_requests_unless_it_is_asked_for() -> None:
    assert AccessLog() == AccessLog(to="none", successes=1)
    assert Log() == Log(level=Level.INFO, format=Format.AUTO)


def test_a_relative_path_is_meant_from_the_folder_of_the_file() -> None:
    context = {"folder": Path("/etc/s3edge")}
    found = {
        text: AccessLog.model_validate({"to": text}, context=context).to
        for text in ("none", "stdout", "./none", "log/access.log", "/var/log/access.log")
    }
    assert found == {
        "none": "none",
        "stdout": "stdout",
        "./none": Path("/etc/s3edge/none"),
        "log/access.log": Path("/etc/s3edge/log/access.log"),
        "/var/log/access.log": Path("/var/log/access.log"),
    }


@pytest.mark.parametrize("to", ["none", "stdout", "/var/log/access.log"])
def test_workers_get_what_the_supervisor_has(to: str) -> None:
    config = Config.model_validate(
        {"clusters": [CLUSTER], "access_log": {"to": to, "successes": 7}, "log": {"level": "error", "format": "text"}}
    )
    assert Config.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    "line, fault",
    [
        (
            "access_log: {successes: 0}",
            "access_log.successes: found 0; allowed: a whole number from 1 to 1000000",
        ),
        (
            "access_log: {successes: 1%}",
            'access_log.successes: found "1%"; allowed: a whole number from 1 to 1000000',
        ),
        ("access_log: {to: []}", f"access_log.to: found a list; allowed: {OUTLETS}"),
        ("access_log: {to: ''}", f'access_log.to: found ""; allowed: {OUTLETS}'),
        ("access_log: stdout", 'access_log: found "stdout"; allowed: a mapping with any of to, successes'),
        ("log: {level: warn}", 'log.level: found "warn"; allowed: debug, info, warning, error; did you mean warning?'),
        ("log: {format: yaml}", 'log.format: found "yaml"; allowed: auto, text, json'),
    ],
)
def test_a_fault_is_named(line: str, fault: str) -> None:
    assert faults_of(NODES + line) == [f"f:3: {fault}"]
