"""One client in a process of its own, which does what it is told: `python -m loadtests.matrix.performer CLIENT`.

It says the client's version, or why there is no client; then each line on standard input is a Task, answered with a
Result. All are JSON. It ends when standard input closes. What the client itself prints goes to standard error.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from loadtests.matrix.actions import Scene, carry_out
from loadtests.matrix.client import Client, Endpoint, Missing
from loadtests.matrix.clients import START, VERSIONS
from loadtests.matrix.outcome import Outcome, Result, reason_of
from loadtests.matrix.store import Store


@dataclass(frozen=True)
class Task:
    """An action, the endpoint that the client uses, that of the storage behind it, and the prefix of the keys."""

    action: str
    endpoint: Endpoint
    storage: Endpoint
    prefix: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        return cls(**{**fields, "endpoint": _endpoint(fields["endpoint"]), "storage": _endpoint(fields["storage"])})


def _endpoint(fields: Mapping[str, Any]) -> Endpoint:
    authority = fields["authority"]
    return Endpoint(**{**fields, "authority": Path(authority) if authority else None, "folder": Path(fields["folder"])})


class Performer:
    """The client at all endpoints that it was told of so far; each is started once."""

    def __init__(self, start: Callable[[Endpoint], AbstractContextManager[Client]]) -> None:
        self._start = start
        self._stack = ExitStack()
        self._clients: dict[Endpoint, Client] = {}
        self._stores: dict[Endpoint, Store] = {}

    def close(self) -> None:
        self._stack.close()

    def do(self, task: Task) -> Result:
        """What became of a task. A client that does not start has failed, too."""
        try:
            if task.endpoint not in self._clients:
                self._clients[task.endpoint] = self._stack.enter_context(self._start(task.endpoint))
        except Missing as reason:
            return Result(Outcome.NOT_INSTALLED, str(reason))
        except Exception as error:  # noqa: BLE001 - each client has exceptions of its own
            return Result(Outcome.FAILED, f"does not start: {reason_of(error)}")
        if task.storage not in self._stores:
            self._stores[task.storage] = store = Store(task.storage)
            self._stack.callback(store.close)
        scene = Scene(self._clients[task.endpoint], task.endpoint, self._stores[task.storage], task.prefix)
        return carry_out(task.action, scene)


def perform(client: str, tasks: Iterable[str], answers: TextIO) -> None:
    """Do the tasks, one after the other."""
    try:
        _tell(answers, {"version": VERSIONS[client]()})
    except Missing as reason:
        _tell(answers, {"missing": str(reason)})
        return
    performer = Performer(START[client])
    try:
        for line in tasks:
            _tell(answers, asdict(performer.do(Task.from_json(line))))
    finally:
        performer.close()


def _tell(answers: TextIO, message: Mapping[str, Any]) -> None:
    print(json.dumps(message), file=answers, flush=True)


def main() -> None:
    # Clients and their programs may print, too.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        perform(sys.argv[1], iter(sys.stdin.readline, ""), answers)


if __name__ == "__main__":
    main()
