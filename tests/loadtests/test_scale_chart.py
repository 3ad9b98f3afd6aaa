from pathlib import Path

from loadtests.scale_chart import Curves, draw_curves

CURVES = Curves("µs", "nodes", [4, 16, 64], {"s3edge": [20.0, 21.0, 22.0], "direct": [None, 5.0, None]})


def test_curves_are_a_picture_whatever_their_number_and_with_values_missing(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        path = tmp_path / f"{count}.png"
        draw_curves("By the number of nodes", [CURVES] * count, path)
        assert path.read_bytes().startswith(b"\x89PNG")
