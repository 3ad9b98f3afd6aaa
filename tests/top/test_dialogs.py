"""Changes are asked for before they are made, and only what s3edge will take."""

from s3edge.top.reader import LookError
from tests.top.made_up import frame, node
from tests.top.pilot import Seat, sit

NODES = [node("n1:9000"), node("n2:9000", state="drained", reason="drained by the operator")]


def test_a_tenant_is_pinned_to_a_rate_for_a_time() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("2", "t")
        assert seat.sees("tenant rag, which is normal")
        await seat.press("enter")
        assert seat.sees("found ''; allowed: a rate from 1/h to 1000000/s")
        await seat.press(*"50/s", "tab", *"10x", "enter")
        assert seat.sees("found '10x'; allowed: a duration from 1s to 24h")
        await seat.press("backspace", "m", "enter")
        await seat.until_sees("tenant rag is pinned to 50/s for")

    assert sit(scenario).changes == [(("tenants", "rag", "pin"), {"rate": "50/s", "for": "10m"})]


def test_a_client_that_is_held_is_released() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("2", "down", "t")
        assert seat.sees("client 10.8.1.7, which is throttled")
        await seat.press("shift+tab", "enter")
        await seat.until_sees("client 10.8.1.7 is released")

    held = {"kind": "client", "name": "10.8.1.7", "state": "throttled", "rate": 2.0}
    assert sit(scenario, frame(sources=[held])).changes == [(("clients", "10.8.1.7", "release"), {})]


def test_a_tenant_may_be_pinned_to_no_limit_until_it_is_released() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("2", "t", *"unlimited", "enter")
        await seat.until_sees("tenant rag is pinned to unlimited")

    assert sit(scenario).changes == [(("tenants", "rag", "pin"), {"rate": "unlimited"})]


def test_a_node_is_drained_after_a_question() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("d")
        assert seat.sees("Send n1:9000 no new requests?")
        await seat.press("enter")  # to change nothing is what Enter does
        assert seat.site.changes == []
        await seat.press("d", "tab", "enter")
        await seat.until_sees("n1:9000 is drained")

    assert sit(scenario, frame(nodes=NODES)).changes == [(("nodes", "n1:9000", "drain"), {})]


def test_a_node_that_is_drained_is_given_back() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("down", "d")
        assert seat.sees("Give n2:9000 back to the probes?")
        await seat.press("tab", "enter")
        await seat.until_sees("n2:9000 is given back")

    assert sit(scenario, frame(nodes=NODES)).changes == [(("nodes", "n2:9000", "undrain"), {})]


def test_frames_that_come_behind_a_dialog_do_not_disturb_it() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("d")
        seat.site.live.put_nowait(frame(nodes=[node("n7:9000")]))
        seat.site.live.put_nowait(LookError("gone"))
        await seat.until_sees("out of sight")
        assert seat.sees("Send n1:9000 no new requests?")
        await seat.press("1", "q", "p", "d", "escape")
        assert seat.sees("● up        n7:9000")

    assert sit(scenario, frame(nodes=NODES)).changes == []


def test_help_names_every_key() -> None:
    async def scenario(seat: Seat) -> None:
        await seat.press("question_mark")
        for text in ("1 2 3 4, Tab", "s, r", "/  ", "p  ", "d  ", "t  ", "q, Ctrl-C", "▲ ejected", "hidden"):
            assert seat.sees(text)
        await seat.press("question_mark")
        assert not seat.sees("Ctrl-C")

    sit(scenario)
