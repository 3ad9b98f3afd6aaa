from pathlib import Path

from loadtests.faults import Mark
from loadtests.records import Point
from loadtests.timeline_chart import MOST_LABELS, draw_timeline

NAN = float("nan")
POINTS = [Point(0.0, 10, 0, 100.0, 0.01, 0.02, 0.03), Point(0.5, 0, 2, 0.0, NAN, NAN, NAN)]


def test_the_timeline_is_a_picture_with_few_marks_and_with_many(tmp_path: Path) -> None:
    for count in (0, 1, MOST_LABELS + 1):
        path = tmp_path / f"{count}.png"
        draw_timeline("faults", {"s3edge": POINTS, "other": POINTS}, [Mark(0.1, "node 1 killed")] * count, path)
        assert path.read_bytes().startswith(b"\x89PNG")
