"""The live picture: what is told is shown, what is pressed is done."""

import io
import re
from typing import Any

import pytest
from rich.console import Console
from textual.widgets import Input

from s3edge.top.reader import Garbage, LookError, Missed, Opened
from tests.top.made_up import event, flow, frame, frame_fields, node, tenant
from tests.top.pilot import LARGE, SMALL, Seat, sit


def edge(**fields: Any) -> dict[str, Any]:
    """The edge of a made-up frame."""
    edge: dict[str, Any] = frame_fields()["edge"] | fields
    return edge


def test_a_small_screen_shows_one_view_and_the_last_decisions() -> None:
    async def scenario(seat: Seat) -> None:
        lines = seat.lines()
        assert lines[0].startswith("● ready  s3edge 9.9  4/4 workers")
        assert lines[7].startswith("[1 nodes]  1   2 tenants    3 flows    4 decisions")
        assert lines[9].startswith("● up        n1:9000")
        assert not seat.sees("GetObject")
        assert lines[-5].startswith("─4 decisions─")
        assert lines[-4] == "11:59:58 + n1:9000 takes requests again"
        assert "q Quit" in lines[-1]
        await seat.press("2")
        assert seat.sees("[2 tenants]")
        assert seat.line("rag").split()[:3] == ["rag", "120", "50"]
        await seat.press("3")
        assert seat.line("GetObject").startswith("send  rag")
        await seat.press("4")
        assert seat.lines()[8] == "11:59:58 + n1:9000 takes requests again"

    sit(scenario, events=[event()])


def test_tab_turns_through_the_views_and_back() -> None:
    async def scenario(seat: Seat) -> None:
        for view in ("[2 tenants]", "[3 flows]", "[4 decisions]", "[1 nodes]"):
            await seat.press("tab")
            assert seat.sees(view)
        await seat.press("shift+tab")
        assert seat.sees("[4 decisions]")

    sit(scenario)


def test_a_large_screen_shows_all_views_at_once() -> None:
    async def scenario(seat: Seat) -> None:
        for text in ("1 nodes  1━", "2 tenants  1─", "3 flows  1, by age down─", "4 decisions─", "train/00001.tar"):
            assert seat.sees(text)
        await seat.press("3")
        assert seat.sees("3 flows  1, by age down━")
        await seat.resize(SMALL)
        assert seat.sees("[3 flows]")
        assert not seat.sees("n1:9000  ")

    sit(scenario, size=LARGE)


def test_a_frame_takes_the_place_of_the_one_before() -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.live.put_nowait(frame(nodes=[node("n9:9000", state="down", reason="cannot connect")]))
        await seat.until_sees("✗ down      n9:9000")
        assert seat.sees("cannot connect")
        assert seat.sees("[1 nodes]  1, 1 away")

    sit(scenario)


def test_events_are_told_as_they_come() -> None:
    async def scenario(seat: Seat) -> None:
        for number in range(5, 30):
            seat.site.news.put_nowait(event(number, event="BodyResumed", text="resumed from n2"))
        await seat.until_sees("+ resumed from n2 (and 24 alike)")
        seat.site.news.put_nowait(Missed(1200))
        seat.site.news.put_nowait(event(40, node="n3", text="n3 takes requests again"))
        await seat.until_sees("n3 takes requests again")
        assert seat.sees("4 decisions  1,200 not seen")

    assert sit(scenario, events=[event(4)]).since == [4]


def test_a_broken_stream_keeps_the_last_picture_and_marks_it_as_old() -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.live.put_nowait(LookError("cannot connect to it"))
        await seat.until_sees("◌ out of sight")
        assert seat.sees("! reconnecting in 1 s, this is the picture of 12:00:00 UTC: cannot connect to it")
        assert seat.sees("● up        n1:9000")
        seat.site.live.put_nowait(frame(nodes=[node("n2:9000")]))
        await seat.until_sees("● up        n2:9000")
        assert not seat.sees("reconnecting")

    assert len(sit(scenario).asked) == 2


def test_the_stream_of_events_may_break_alone_and_goes_on_after_the_last_one() -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.news.put_nowait(event(9))
        seat.site.news.put_nowait(LookError("gone"))
        await seat.until_sees("! decisions are not told, reconnecting in 1 s: gone")
        seat.site.news.put_nowait(Opened())
        await seat.until(lambda: not seat.sees("decisions are not told"))

    assert sit(scenario).since == [0, 9]


def test_garbage_is_counted_and_does_no_harm() -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.live.put_nowait(Garbage("nodes: x"))
        seat.site.news.put_nowait(Garbage("text: y"))
        await seat.until_sees("! 2 messages could not be understood, the last: ")
        seat.site.live.put_nowait(frame(nodes=[node("n2:9000")]))
        await seat.until_sees("n2:9000")

    sit(scenario)


def test_a_pause_keeps_the_picture_and_going_on_shows_the_latest() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("p")
        assert seat.sees("paused")
        for name in ("n2:9000", "n3:9000"):
            seat.site.live.put_nowait(frame(nodes=[node(name)]))
        seat.site.news.put_nowait(event(1))
        await seat.until(lambda: seat.site.live.empty() and seat.site.news.empty())
        await seat.press("2", "1")
        assert seat.sees("n1:9000")
        assert not seat.sees("takes requests again")
        await seat.press("p")
        assert seat.sees("● up        n3:9000")
        assert seat.sees("takes requests again")
        assert not seat.sees("paused")

    sit(scenario)


def test_flows_are_sorted_and_filtered_by_the_server() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("3", "r", "s")
        assert seat.sees("by rate down")
        assert "rate▼" in seat.line("object")
        await seat.press("slash", *"q1p", "enter")
        assert seat.sees("by rate down, with 'q1p'")
        await seat.press("slash", "x", "escape")
        assert seat.app.query_one("#filter", Input).value == "q1p"
        await seat.press("slash", "ctrl+u", "enter")
        await seat.until(lambda: len(seat.site.asked) == 5)

    assert [(asked["flows_sort"], asked.get("flows_filter")) for asked in sit(scenario).asked] == [
        ("-age", None),
        ("age", None),
        ("-rate", None),
        ("-rate", "q1p"),
        ("-rate", None),
    ]


def test_keys_of_one_view_are_dead_in_the_others() -> None:
    async def scenario(seat: Seat) -> None:
        assert [key in seat.lines()[-1] for key in ("d Drain", "t Pin", "s Sort", "/ Filter")] == [True, *[False] * 3]
        await seat.press("s", "r", "slash", "t")
        await seat.press("4", "d", "t", "s")
        assert len(seat.app.screen_stack) == 1

    assert len(sit(scenario).asked) == 1


def test_a_change_that_is_refused_is_told_in_the_words_of_the_server() -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.refusal = "changes are off [red]"
        await seat.press("d", "tab", "enter")
        await seat.until_sees("changes are off [red]")
        assert seat.sees("not done")

    sit(scenario)


@pytest.mark.parametrize(
    "changes, has_token, told",
    [
        ("off", True, "changes are off: this s3edge has no"),
        ("token", False, "changes want a token: set"),
        ("token", True, "Send n1:9000 no new requests?"),
        ("allowed", False, "Send n1:9000 no new requests?"),
    ],
)
def test_that_nothing_may_be_changed_is_said_before_anything_is_asked(changes: str, has_token: bool, told: str) -> None:
    async def scenario(seat: Seat) -> None:
        seat.site.has_token = has_token
        await seat.press("d")
        await seat.until_sees(told)

    assert sit(scenario, frame(edge=edge(changes=changes))).changes == []


@pytest.mark.parametrize("keys", [("q",), ("ctrl+c",), ("d", "ctrl+c"), ("2", "t", "ctrl+c"), ("3", "slash", "ctrl+c")])
def test_it_ends_by_q_and_from_everywhere_by_ctrl_c(keys: tuple[str, ...]) -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press(*keys[:-1])
        assert seat.app.is_running
        await seat.press(keys[-1])
        assert seat.app._exit

    sit(scenario)


HOSTILE = "\x1b[2J\x1b]0;t\x07[red]x[/red]\u202e\n\u2028[link=http://a]"


def test_no_text_of_a_client_or_node_reaches_the_terminal_as_more_than_text() -> None:
    wild = frame(
        edge=edge(version=HOSTILE, not_ready=HOSTILE),
        nodes=[node(HOSTILE, state=HOSTILE, reason=HOSTILE, cluster=HOSTILE)],
        tenants=[tenant(HOSTILE, guard={"state": HOSTILE, "reason": HOSTILE})],
        sources=[{"kind": "client", "name": HOSTILE, "state": HOSTILE, "rate": 1.0}],
        flows={
            "total": 1,
            "matching": 1,
            "flows": [
                flow(tenant=HOSTILE, client=HOSTILE, operation=HOSTILE, key=HOSTILE, node=HOSTILE, state=HOSTILE)
            ],
        },
    )
    told = event(text=HOSTILE, operation=HOSTILE, bucket=HOSTILE, key=HOSTILE)

    async def scenario(seat: Seat) -> None:
        for keys in (("1",), ("d",), ("escape", "2"), ("t",), ("escape", "3"), ("slash", "enter"), ("4",)):
            await seat.press(*keys)
            assert all(line.isprintable() for line in seat.lines())
            assert seat.sees("\\x1b")
        await seat.press("1", "d", "tab", "enter")
        await seat.until_sees("drained")
        assert all(line.isprintable() for line in seat.lines())

    async def glance(seat: Seat) -> None:
        assert all(line.isprintable() for line in seat.lines())
        assert seat.sees("[red]x[/red]\\u202e\\n")

    assert sit(scenario, wild, [told]).changes == [(("nodes", HOSTILE, "drain"), {})]
    sit(glance, wild, [told], LARGE)


def test_no_colour_is_one_of_its_own_so_that_it_fits_the_terminals_background() -> None:
    async def scenario(seat: Seat) -> None:
        console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80, no_color=False)
        with console.capture() as capture:
            console.print(seat.app.screen._compositor.render_full_update())
        codes = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", capture.get()) for code in codes.split(";")}
        # Red and cyan of the terminal's palette, and neither 38 nor 48, which begin colours of one's own.
        assert codes >= {"31", "36"}
        assert not codes & {"38", "48"}

    sit(scenario, frame(nodes=[node(state="down")], edge=edge(not_ready="no node")))
