"""The widgets draw what is in sight, on every size of a screen."""

import pytest

from s3edge.top.board import Board
from tests.top.made_up import event, flow, frame
from tests.top.pilot import Seat, sit


def test_the_cursor_stays_with_what_it_was_moved_to_and_in_sight() -> None:
    many = [flow(number) for number in range(100)]

    async def scenario(seat: Seat) -> None:
        await seat.press("3", "pagedown", "down")
        board = seat.app.query_one("#flows", Board)
        chosen = board.selected or ""
        seat.site.live.put_nowait(frame(flows={"total": 100, "matching": 100, "flows": many[::-1]}))
        number = int(chosen.removeprefix("0-"))
        await seat.until_sees(f"{number:05}.tar")
        await seat.until_sees(f"{number + 1:05}.tar")
        assert board.selected == chosen
        await seat.press("home")
        assert board.selected == "0-99"
        seat.site.live.put_nowait(frame(flows={"total": 100, "matching": 100, "flows": many}))
        await seat.until_sees("00000.tar")
        assert board.selected == "0-0"
        await seat.press("end")
        assert seat.sees("00099.tar")

    sit(scenario, frame(flows={"total": 100, "matching": 100, "flows": many}))


def test_views_without_anything_in_them_say_so_and_take_all_keys() -> None:
    async def scenario(seat: Seat) -> None:
        for view, text in zip(
            "1234", ("no nodes", "no tenants", "no flows", "nothing out of the ordinary"), strict=True
        ):
            await seat.press(view, "down", "end", "up", "pageup", "d", "t")
            assert seat.sees(text)

    sit(scenario, frame(nodes=[], tenants=[], flows={"total": 0, "matching": 0, "flows": []}))


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 10), (80, 19), (139, 40), (200, 50), (400, 120)])
def test_every_size_of_a_screen_is_filled_and_never_overflows(size: tuple[int, int]) -> None:
    async def scenario(seat: Seat) -> None:
        for key in ("1", "2", "3", "4", "question_mark", "escape"):
            await seat.press(key)
            assert len(seat.lines()) == size[1]

    sit(scenario, events=[event()], size=size)
