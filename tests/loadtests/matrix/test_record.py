import json
from dataclasses import replace
from pathlib import Path

from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.record import Run, Trial, keep, load

RUN = Run(
    kind="ceph",
    storage="Ceph 16",
    settings={"A": "b"},
    command="python -m loadtests.matrix",
    seconds=12,
    machine={"cores": "2"},
    trials=[Trial("boto3", "http direct", "1.43", {"odd keys": Result(Outcome.FAILED, "no", 0.5, {"dots": "no"})})],
)


def test_what_was_kept_is_loaded_as_it_was(tmp_path: Path) -> None:
    assert load(tmp_path) == []
    assert keep(RUN, tmp_path / "new") == [RUN]
    assert load(tmp_path / "new") == [RUN]


def test_a_run_takes_the_place_of_the_last_one_on_the_same_kind_of_storage(tmp_path: Path) -> None:
    other, later = replace(RUN, kind="minio"), replace(RUN, seconds=13)
    keep(RUN, tmp_path)
    keep(other, tmp_path)
    assert keep(later, tmp_path) == load(tmp_path) == [later, other]


def test_the_file_says_outcomes_in_words(tmp_path: Path) -> None:
    keep(RUN, tmp_path)
    [run] = json.loads((tmp_path / "clients.json").read_text())["runs"]
    assert run["trials"][0]["results"]["odd keys"]["outcome"] == "failed"


def test_clients_are_named_once_in_their_order() -> None:
    trials = [Trial(client, way) for client in ("s3cmd", "boto3") for way in ("http direct", "http s3edge")]
    run = replace(RUN, trials=trials)
    assert run.clients == ["s3cmd", "boto3"]
    assert run.trial("boto3", "http s3edge") is trials[3]
