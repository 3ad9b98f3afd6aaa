"""What runs of the matrix brought, as clients.json keeps it: one run for each kind of storage, the last one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from loadtests.matrix.outcome import Result

FILE = "clients.json"


@dataclass
class Trial:
    """What one client did on one way, by action; `version` is empty if it never started."""

    client: str
    way: str
    version: str = ""
    results: dict[str, Result] = field(default_factory=dict)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        results = {action: Result.from_json(result) for action, result in fields["results"].items()}
        return cls(**{**fields, "results": results})


@dataclass(frozen=True)
class Run:
    """All trials on one kind of storage.

    `storage` is its version, `settings` what its users' clients have in their environment, `machine` what
    `describe_machine` says, `command` what made the run, `seconds` how long it took.
    """

    kind: str
    storage: str
    settings: Mapping[str, str]
    command: str
    seconds: float
    machine: Mapping[str, str]
    trials: Sequence[Trial]

    @property
    def clients(self) -> list[str]:
        """The names of those that took part, in their order."""
        return list(dict.fromkeys(trial.client for trial in self.trials))

    def trial(self, client: str, way: str) -> Trial:
        """Raises KeyError."""
        return {(trial.client, trial.way): trial for trial in self.trials}[client, way]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**{**fields, "trials": [Trial.from_json(trial) for trial in fields["trials"]]})


def load(folder: Path) -> list[Run]:
    """The runs that are kept in a folder, none if there is no file."""
    file = folder / FILE
    return [Run.from_json(fields) for fields in json.loads(file.read_text())["runs"]] if file.exists() else []


def keep(run: Run, folder: Path) -> list[Run]:
    """Write a run in the place of the last one on its kind of storage; all runs that are kept now."""
    runs = {kept.kind: kept for kept in load(folder)} | {run.kind: run}
    folder.mkdir(parents=True, exist_ok=True)
    document = {"runs": [asdict(kept) for kept in runs.values()]}
    (folder / FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return list(runs.values())
