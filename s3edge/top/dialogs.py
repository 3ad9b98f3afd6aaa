"""What is laid over the picture: a question before a change, and help."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalGroup, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

from s3edge.config.fault import Refused
from s3edge.config.units import duration, request_rate
from s3edge.top.tenants import Subject
from s3edge.top.text import harmless

HELP = """\
1 2 3 4, Tab  nodes, tenants, flows, decisions
up, down      move; also page up and down, home, end, k, j
s, r          flows: sort by the next column, reverse the order
/             flows: only those with a text in tenant, client,
              operation, object, node or state
p             pause, and go on
d             nodes: drain the node, or give it back
t             tenants: pin a tenant or client to a rate, or release it
q, Ctrl-C     quit

nodes         ● up   ✗ down   ◐ it drains   ○ drained by an operator
              ▲ ejected by live traffic   ▼ it asked for less
flows         wait: for room under limits   ask: no answer yet
              send: body to the client      recv: body from it
decisions     ! away or refused   + back or mended   * turned
1st byte      time to the first byte, of the last 10 s
stalled       seconds that requests waited for bytes, per second
hidden        retries, hedges and resumes: no client saw them"""

_rate = request_rate()
_duration = duration(low=1.0)


@dataclass(frozen=True, slots=True)
class Change:
    """A POST below `/api/v1`: the parts of its path, its parameters, and what is said when it was done."""

    path: tuple[str, ...]
    parameters: dict[str, str]
    done: str


class Dialog(ModalScreen[Change | None]):
    """Asks whether a change is wanted; None if it is not."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    @on(Button.Pressed, "#cancel")
    def cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)


class Question(Dialog):
    """One change, yes or no."""

    def __init__(self, question: str, verb: str, change: Change) -> None:
        super().__init__()
        self._question = question
        self._verb = verb
        self._change = change

    def compose(self) -> ComposeResult:
        """The question and two buttons; to change nothing is what Enter does."""
        with VerticalGroup(id="dialog"):
            yield Label(self._question, markup=False)
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._verb, id="yes", compact=True)

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """It is wanted."""
        self.dismiss(self._change)


class PinDialog(Dialog):
    """Pin a tenant or client to a rate, or release it."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject

    def compose(self) -> ComposeResult:
        """Rate and time, checked as s3edge will check them."""
        with VerticalGroup(id="dialog"):
            yield Label(f"{self._subject}, which is {harmless(self._subject.state)}", markup=False)
            with Horizontal():
                yield Label("pin to  ", markup=False)
                yield Input(id="rate", placeholder="a rate, such as 50/s, or unlimited", compact=True)
            with Horizontal():
                yield Label("for     ", markup=False)
                yield Input(id="time", placeholder="a time, such as 10m; empty: until it is released", compact=True)
            yield Label("", id="fault", markup=False)
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Pin", id="pin", compact=True)
                yield Button("Release", id="release", compact=True, disabled=self._subject.state == "normal")

    @on(Input.Submitted)
    @on(Button.Pressed, "#pin")
    def pin(self) -> None:
        """Take what was written, or say what is wrong with it."""
        rate, time = (self.query_one(f"#{name}", Input).value.strip() for name in ("rate", "time"))
        fault = ("" if rate == "unlimited" else _fault(_rate, rate)) or (_fault(_duration, time) if time else "")
        if fault:
            self.query_one("#fault", Label).update(fault)
            return
        text = f"{self._subject} is pinned to {rate}" + (f" for {time}" if time else "")
        self.dismiss(Change(self._path("pin"), {"rate": rate, **({"for": time} if time else {})}, text))

    @on(Button.Pressed, "#release")
    def release(self) -> None:
        """Hold it to nothing."""
        self.dismiss(Change(self._path("release"), {}, f"{self._subject} is released"))

    def _path(self, verb: str) -> tuple[str, ...]:
        return f"{self._subject.kind}s", self._subject.name, verb


class Help(ModalScreen[None]):
    """Keys, signs and words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter,space", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """One page of text."""
        with VerticalScroll(id="dialog"):
            yield Label(HELP, markup=False)


def _fault(parse: Callable[[object], float], text: str) -> str:
    try:
        parse(text)
    except Refused as refused:
        return f"found {text!r}; allowed: {refused.allowed}"
    return ""
