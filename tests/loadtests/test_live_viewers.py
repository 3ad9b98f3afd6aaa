import pytest

from loadtests.live_viewers import Seen

FRAME = b'data: {"flows": {"total": 3}}\n'


def test_bytes_per_second_are_those_of_the_frames_between_the_first_and_the_last() -> None:
    seen = Seen()
    for instant in (10.0, 11.0, 12.0):
        seen.take(FRAME, instant)
    assert seen.bytes_per_second == pytest.approx(len(FRAME))
    assert (seen.flows, len(seen.instants)) == (3, 3)


def test_who_saw_one_frame_knows_no_rate() -> None:
    seen = Seen()
    seen.take(FRAME, 10.0)
    assert seen.bytes_per_second == 0.0
