"""The live picture: what the reader tells, in widgets, and what the operator's keys ask for."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar, Final, Protocol

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Footer, Input, Label

from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.top import flows, nodes, tenants
from s3edge.top.board import Board, Lines
from s3edge.top.decisions import Decisions
from s3edge.top.dialogs import Change, Dialog, Help, PinDialog, Question
from s3edge.top.figures import History
from s3edge.top.frame import Event, Frame
from s3edge.top.reader import Garbage, LookError, Lost, Missed, Opened, enduring
from s3edge.top.sheet import Line, Sheet, Tone
from s3edge.top.status import fitted, headline, troubles
from s3edge.top.text import harmless, padded

VIEWS: Final = ("nodes", "tenants", "flows", "decisions")
# What the keys of one view do, which are dead in the others.
_VIEW_OF: Final = {"sort": "flows", "reverse": "flows", "filter": "flows", "drain": "nodes", "pin": "tenants"}
# What no key does while a dialog lies over the picture.
_OF_PICTURE: Final = frozenset((*_VIEW_OF, "quit", "look_at", "turn", "close", "pause", "help"))
# Cells and lines from which all four views have room.
WIDE, TALL = 140, 36
# Lines from which the last decisions have room below another view.
HIGH: Final = 20
# Characters of a filter; s3edge takes more, but nobody types them.
MOST_FILTER: Final = 200


class Site(Protocol):
    """What can be looked at and changed: see `Reader`."""

    site: str
    has_token: bool

    def frames(self, parameters: Mapping[str, str]) -> AsyncGenerator[Frame | Garbage, None]:
        """Frames with the flows that are asked for."""

    def events(self, since: int) -> AsyncGenerator[Event | Opened | Missed | Garbage, None]:
        """Events after number `since`."""

    async def change(self, what: Sequence[str], parameters: Mapping[str, str]) -> None:
        """Change something. Raises LookError."""


class Top(App[None]):
    """Shows a `frame` and the `decisions` that are known, and what comes after them."""

    CSS_PATH = "top.tcss"
    ENABLE_COMMAND_PALETTE = False
    # Textual declares these without ClassVar, which mypy then refuses here.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (HIGH, "-high"), (TALL, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
        *(Binding(str(number), f"look_at('{view}')", show=False) for number, view in enumerate(VIEWS, 1)),
        Binding("tab", "turn(1)", "View", key_display="Tab", priority=True),
        Binding("shift+tab", "turn(-1)", show=False, priority=True),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("d", "drain", "Drain"),
        Binding("t", "pin", "Pin"),
        Binding("escape", "close", show=False),
        Binding("p", "pause", "Pause"),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(self, site: Site, frame: Frame, decisions: Decisions) -> None:
        # The terminal's own colours fit its own background, light or dark; NO_COLOR then leaves them all out.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.title = "s3edge top"
        self._site = site
        self._frame = self._latest = frame
        self._decisions = decisions
        self._history = History()
        self._history.add(frame.totals)
        self._query = flows.Query()
        self._view = VIEWS[0]
        self._lost: Lost | None = None
        self._lost_events: Lost | None = None
        self._garbage = (0, "")
        self._is_paused = False
        self._has_news = False

    def compose(self) -> ComposeResult:
        """All of it; the style says what has room."""
        yield Lines(self._head_lines, "head")
        yield Lines(self._trouble_lines, "troubles")
        yield Lines(lambda width: self._history.lines(self._frame.totals, width), "figures")
        yield Lines(self._tab_lines, "tabs")
        with Container(id="boards"):
            for view in VIEWS:
                yield Board(view)
        with Horizontal(id="filter-line"):
            yield Label("flows with: ", markup=False)
            yield Input(
                id="filter", placeholder="any text; Enter applies, Esc leaves it", max_length=MOST_FILTER, compact=True
            )
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is known, and look on."""
        self._draw()
        self.action_look_at(self._view)
        self._follow_frames()
        self.run_worker(self._read_events(), "events", group="events")

    # ------------------------------------------------------------ what is told

    def _follow_frames(self) -> None:
        """Begin to read frames, with the flows that are asked for by now."""
        self.run_worker(self._read_frames(self._query.parameters()), "frames", group="frames", exclusive=True)

    async def _read_frames(self, parameters: Mapping[str, str]) -> None:
        async with aclosing(enduring(lambda: self._site.frames(parameters))) as frames:
            async for told in frames:
                match told:
                    case Frame():
                        self._take(told)
                    case Garbage():
                        self._count_garbage(told)
                    case Lost():
                        self._lost = told
                        self._history.gap()
                        self._draw()

    async def _read_events(self) -> None:
        decisions = self._decisions
        async with aclosing(enduring(lambda: self._site.events(decisions.last))) as events:
            async for told in events:
                match told:
                    case Event():
                        decisions.add(told)
                        self._events_came()
                    case Missed():
                        decisions.missed += told.count
                    case Opened():
                        self._lost_events = None
                        self._draw()
                    case Lost():
                        self._lost_events = told
                        self._draw()
                    case Garbage():
                        self._count_garbage(told)

    def _take(self, frame: Frame) -> None:
        was_lost, self._lost = self._lost is not None, None
        if frame.interval > 0:
            self._history.add(frame.totals)
        self._latest = frame
        if was_lost or not self._is_paused:
            self._draw()

    def _events_came(self) -> None:
        """Draw once for all that came in a burst."""
        if not self._has_news and not self._is_paused:
            self._has_news = True
            self.call_later(self._draw_decisions)

    def _count_garbage(self, garbage: Garbage) -> None:
        self._garbage = (self._garbage[0] + 1, garbage.reason)
        self._draw()

    # ------------------------------------------------------------ how it is shown

    def _draw(self) -> None:
        if not self._is_paused:
            self._frame = self._latest
        frame = self._frame
        self._show("nodes", nodes.sheet(frame.nodes))
        self._show("tenants", tenants.sheet(frame))
        self._show("flows", flows.sheet(frame.flows, self._query), self._query.sort)
        self._draw_decisions()
        for lines in self.query(Lines):
            lines.renew()

    def _draw_decisions(self) -> None:
        self._has_news = False
        self._show("decisions", self._decisions.sheet())

    def _show(self, view: str, sheet: Sheet, order: str = "") -> None:
        board = self.query_one(f"#{view}", Board)
        board.show(sheet, order, is_old=self._lost is not None)
        board.border_title = Content(f"{VIEWS.index(view) + 1} {view}  {sheet.note}".rstrip())

    def _head_lines(self, width: int) -> list[Line]:
        return [headline(self._frame, self._site.site, width, self._lost, is_paused=self._is_paused)]

    def _trouble_lines(self, width: int) -> list[Line]:
        told = troubles(self._frame, self._lost, self._lost_events, self._garbage)
        return [[(padded(f"! {text}", width), tone)] for text, tone in told]

    def _tab_lines(self, width: int) -> list[Line]:
        line: Line = []
        for number, view in enumerate(VIEWS, 1):
            is_chosen = view == self._view
            note = self.query_one(f"#{view}", Board).sheet.note if is_chosen else ""
            text = f"[{number} {view}]  {note}".rstrip() if is_chosen else f" {number} {view} "
            line += [(text, Tone.STRONG if is_chosen else Tone.DIM), ("  ", Tone.PLAIN)]
        return [fitted(line, width)]

    # ------------------------------------------------------------ what is asked for

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key does what it says only where it can: in its view, and not behind a dialog."""
        if len(self.screen_stack) > 1:
            return action not in _OF_PICTURE
        return self._view == _VIEW_OF.get(action, self._view)

    def action_leave(self) -> None:
        """End, whatever has the keyboard."""
        self.exit()

    def action_look_at(self, view: str) -> None:
        """Turn to a view."""
        self._view = view
        self.query_one("#filter-line").remove_class("-open")
        for board in self.query(Board):
            board.set_class(board.id == view, "-chosen")
        self.query_one(f"#{view}").focus()
        self.query_one("#tabs", Lines).renew()
        self.refresh_bindings()

    def action_turn(self, steps: int) -> None:
        """Turn to the next view."""
        self.action_look_at(VIEWS[(VIEWS.index(self._view) + steps) % len(VIEWS)])

    def action_sort(self) -> None:
        """Sort the flows by the next column."""
        self._ask(self._query.next_column())

    def action_reverse(self) -> None:
        """Turn the order of the flows round."""
        self._ask(self._query.reversed())

    def action_filter(self) -> None:
        """Ask for a text that flows must have."""
        self.query_one("#filter-line").add_class("-open")
        self.query_one("#filter").focus()

    @on(Input.Submitted, "#filter")
    def take_filter(self, event: Input.Submitted) -> None:
        """Ask for flows that have it."""
        self.action_look_at(self._view)
        self._ask(replace(self._query, filter=event.value.strip()))

    def action_close(self) -> None:
        """Leave the filter as it is."""
        field = self.query_one("#filter", Input)
        field.value = self._query.filter
        self.action_look_at(self._view)

    def _ask(self, query: flows.Query) -> None:
        self._query = query
        self._draw()
        self._follow_frames()

    def action_pause(self) -> None:
        """Keep the picture as it is, or go on with the latest one."""
        self._is_paused = not self._is_paused
        self._draw()

    def action_help(self) -> None:
        """Say what the keys do, and what the signs mean."""
        self.push_screen(Help())

    def action_drain(self) -> None:
        """Ask whether to drain the node under the cursor, or to give it back."""
        node = next((node for node in self._frame.nodes if node.name == self._selected()), None)
        if node is None or not self._may_change():
            return
        name = harmless(node.name)
        if node.state == "drained":
            question, verb, done = f"Give {name} back to the probes?", "undrain", f"{name} is given back"
        else:
            question, verb, done = f"Send {name} no new requests?", "drain", f"{name} is drained"
        self._open(Question(question, verb.capitalize(), Change(("nodes", node.name, verb), {}, done)))

    def action_pin(self) -> None:
        """Ask to which rate to pin the tenant or client under the cursor, or whether to release it."""
        subject = tenants.subjects(self._frame).get(self._selected() or "")
        if subject is not None and self._may_change():
            self._open(PinDialog(subject))

    def _selected(self) -> str | None:
        return self.query_one(f"#{self._view}", Board).selected

    def _may_change(self) -> bool:
        match self._frame.edge.changes:
            case "off":
                why_not = "changes are off: this s3edge has no `admin.token`"
            case "token" if not self._site.has_token:
                why_not = f"changes want a token: set {TOKEN_VARIABLE} to that of `admin.token`"
            case _:
                return True
        self.notify(why_not, severity="warning", markup=False)
        return False

    def _open(self, dialog: Dialog) -> None:
        def answered(change: Change | None) -> None:
            if change is not None:
                self.run_worker(self._change(change), "change", group="changes")

        self.push_screen(dialog, answered)

    async def _change(self, change: Change) -> None:
        try:
            await self._site.change(change.path, change.parameters)
        except LookError as error:
            self.notify(str(error), title="not done", severity="error", markup=False)
        else:
            self.notify(change.done, markup=False)
