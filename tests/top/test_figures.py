"""Figures are told as they are, with their course over two minutes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from s3edge.top.figures import FIGURES, KEPT, History, bars
from s3edge.top.frame import Totals
from s3edge.top.sheet import Tone
from tests.top.made_up import frame_fields


def totals(**fields: Any) -> Totals:
    """The figures of a made-up frame."""
    return Totals.model_validate(frame_fields()["totals"] | fields)


def texts(history: History, width: int) -> list[str]:
    """The lines as text."""
    return ["".join(text for text, _ in line) for line in history.lines(totals(), width)]


def test_a_narrow_screen_has_two_figures_in_a_line() -> None:
    history = History()
    history.add(totals())
    assert texts(history, 80) == [
        "sent         1.2 GiB/s                ▇  received         0 B/s                ▁",
        "requests       1,240/s                ▇  in flight          312                ▇",
        "1st byte p50    4.2 ms                ▇  1st byte p99         -                 ",
        "stalled        2.5 s/s                ▇  waiting              4                ▇",
        "failed             0/s                ▁  shed               3/s                ▇",
        "hidden           1.8/s                ▇  clients            512                ▇",
    ]


def test_every_screen_has_all_figures() -> None:
    for width, lines in ((20, 12), (38, 12), (76, 6), (114, 4), (300, 4)):
        shown = texts(History(), width)
        assert len(shown) == lines
        assert all(figure.name in "\n".join(shown) for figure in FIGURES)


def test_every_line_has_the_same_width_which_fits() -> None:
    for width in (76, 80, 113, 114, 160, 200):
        [length] = {len(text) for text in texts(History(), width)}
        assert width - 2 <= length <= width


def test_trouble_has_a_tone_and_its_absence_has_none() -> None:
    def tone(name: str, shown: Totals) -> Tone:
        line = next(line for line in History().lines(shown, 38) if line[0][0].startswith(name))
        return line[1][1]

    names = ("failed", "shed", "waiting", "hidden", "sent")
    calm = totals(shed_per_second=0.0, waiting=0, hedges_per_second=0, retries_per_second=0, resumes_per_second=0)
    assert [tone(name, calm) for name in names] == [Tone.PLAIN] * 5
    wild = totals(failed_per_second=0.1)
    assert [tone(name, wild) for name in names] == [Tone.BAD, Tone.WARN, Tone.WARN, Tone.STRONG, Tone.PLAIN]


def test_bars_stand_on_zero() -> None:
    assert bars([0.0, 50.0, 100.0], 120, 3).strip() == "▁▄▇"
    assert bars([98.0, 100.0, 99.0], 120, 3).strip() == "▇▇▇"
    assert bars([0.0, 0.0], 120, 2).strip() == "▁▁"


def test_what_was_not_measured_is_a_gap() -> None:
    assert bars([1.0, None, 1.0], 4 * KEPT, 3).endswith("▇ ▇")
    assert bars([None], 5, 1) == "     "
    assert bars([], 5, 0) == "     "
    assert bars([1.0], 0, 1) == ""


def test_a_short_trouble_is_seen_though_a_bar_is_many_frames() -> None:
    assert bars([0.0] * 59 + [5.0] + [0.0] * 60, 12, KEPT) == "▁▁▁▁▁▇▁▁▁▁▁▁"


def test_a_bar_keeps_its_values_while_it_wanders_to_the_left() -> None:
    values = [0.0] * 200
    values[105] = 5.0
    places = set()
    for count in range(121, 200):
        shown = bars(values[count - KEPT : count], 12, count)
        places.add(12 - shown.index("▇") + 105 // 10 - (count - 1) // 10)
    assert places == {1}


@given(st.lists(st.none() | st.floats(-1e15, 1e15), max_size=KEPT), st.integers(0, 200), st.integers(0, 1000))
def test_bars_are_as_wide_as_there_is_room(values: list[float | None], width: int, before: int) -> None:
    assert len(bars(values, width, before + len(values))) == width


def test_a_gap_is_seen_in_every_figure() -> None:
    history = History()
    history.add(totals())
    history.gap()
    history.add(totals())
    assert history.lines(totals(), 4 * KEPT)[0][2][0].endswith("▇ ▇")
