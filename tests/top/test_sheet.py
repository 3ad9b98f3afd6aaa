"""Tables are laid out so that what matters most has room."""

from s3edge.top.sheet import Cell, Column, Row, Tone, lay_out

COLUMNS = (
    Column("state", 5),
    Column("sent", 7, 2, is_number=True, name="sent"),
    Column("age", 4, 1, is_number=True, name="age"),
    Column("object", 10, name="key"),
)
ROW = Row("0-1", (Cell("send", Tone.GOOD), Cell("12 MiB"), Cell("1.5s"), Cell("datasets/train/0001.tar")))


def text(width: int) -> str:
    """The row at this width, with bars where its cells meet."""
    return "|".join(part for part, _ in lay_out(COLUMNS, width).line(ROW, COLUMNS))


def test_the_last_column_takes_what_the_others_leave() -> None:
    assert text(40) == "send | | 12 MiB| |1.5s| |datasets/t…n/0001.tar"


def test_columns_of_the_highest_rank_are_left_out_first() -> None:
    assert text(29) == "send | | 12 MiB| |1.5s| |data…1.tar"
    assert text(28) == "send | |1.5s| |datasets…0001.tar"
    assert text(20) == "send | |datase…001.tar"


def test_columns_of_rank_0_stay_though_there_is_no_room() -> None:
    assert text(6) == "send | |"


def test_a_wide_screen_has_wider_gaps() -> None:
    assert [len(part) for part, _ in lay_out(COLUMNS, 100).line(ROW, COLUMNS)] == [5, 2, 7, 2, 4, 2, 78]
    assert [len(part) for part, _ in lay_out(COLUMNS, 99).line(ROW, COLUMNS)] == [5, 1, 7, 1, 4, 1, 80]


def test_cells_keep_their_tones() -> None:
    assert lay_out(COLUMNS, 20).line(ROW, COLUMNS)[0] == ("send ", Tone.GOOD)


def test_the_head_says_what_the_rows_are_sorted_by_and_which_way() -> None:
    layout = lay_out(COLUMNS, 40)
    assert layout.head(COLUMNS) == "state    sent  age object               "
    assert layout.head(COLUMNS, "-age") == "state    sent age▼ object               "
    assert layout.head(COLUMNS, "sent") == "state   sent▲  age object               "
