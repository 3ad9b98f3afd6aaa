"""One client in a process of its own, which does what it is told: `python -m loadtests.matrix.performer`.

The first line on standard input is an Engagement; the process answers with the client's version, or with why there is
no client. Each further line is a Task, answered with a Result. All are JSON. It ends when standard input closes.
What the client itself prints goes to standard error.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, TextIO

from loadtests.matrix.actions import Scene, carry_out
from loadtests.matrix.client import Client, Endpoint, Missing
from loadtests.matrix.clients import START, VERSIONS
from loadtests.matrix.outcome import Outcome, Result, reason_of
from loadtests.matrix.store import Store


@dataclass(frozen=True)
class Engagement:
    """Which client, the endpoint that it is to use, and that by which the storage itself is reached."""

    client: str
    endpoint: Endpoint
    storage: Endpoint

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        return cls(fields["client"], _endpoint(fields["endpoint"]), _endpoint(fields["storage"]))


@dataclass(frozen=True)
class Task:
    """An action, the prefix for its keys, and the URL to use for it if it is not that of the endpoint."""

    action: str
    prefix: str
    url: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


def _endpoint(fields: Mapping[str, Any]) -> Endpoint:
    authority = fields["authority"]
    return Endpoint(**{**fields, "authority": Path(authority) if authority else None, "folder": Path(fields["folder"])})


def perform(engagement: Engagement, tasks: Iterator[str], answers: TextIO) -> None:
    """Start the client and do the tasks, one after the other."""
    name, endpoint = engagement.client, engagement.endpoint
    with closing(Store(engagement.storage)) as store, START[name](endpoint) as client:
        _tell(answers, {"version": VERSIONS[name]()})
        for number, line in enumerate(tasks):
            task = Task.from_json(line)
            with _client_for(task, client, engagement, number) as (used, at):
                result = carry_out(task.action, Scene(used, at, store, task.prefix))
            _tell(answers, asdict(result))


@contextmanager
def _client_for(task: Task, client: Client, engagement: Engagement, number: int) -> Iterator[tuple[Client, Endpoint]]:
    """The client that a task needs, and its endpoint: another one for another URL."""
    if task.url is None:
        yield client, engagement.endpoint
        return
    folder = engagement.endpoint.folder / f"task-{number}"
    folder.mkdir()
    endpoint = replace(engagement.endpoint, url=task.url, folder=folder)
    with START[engagement.client](endpoint) as other:
        yield other, endpoint


def _tell(answers: TextIO, message: Mapping[str, Any]) -> None:
    print(json.dumps(message), file=answers, flush=True)


def main() -> None:
    # Clients and their programs may print, too.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        engagement = Engagement.from_json(sys.stdin.readline())
        try:
            perform(engagement, iter(sys.stdin.readline, ""), answers)
        except Missing as reason:
            _tell(answers, asdict(Result(Outcome.NOT_INSTALLED, str(reason))))
        except Exception as error:  # noqa: BLE001 - each client has exceptions of its own
            _tell(answers, asdict(Result(Outcome.FAILED, f"does not start: {reason_of(error)}")))


if __name__ == "__main__":
    main()
