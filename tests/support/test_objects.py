import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.objects import DEFAULT_SIZE, PIECE, SEGMENT, content, etag, matches, pieces, size_of

PATH = "/bench/16MiB-3"
WHOLE = content(PATH, 0, 3 * SEGMENT)


@given(first=st.integers(0, 2 * SEGMENT), size=st.integers(0, SEGMENT))
def test_a_part_of_an_object_is_a_slice_of_the_whole(first: int, size: int) -> None:
    assert content(PATH, first, size) == WHOLE[first : first + size]


@given(first=st.integers(0, 2 * SEGMENT), size=st.integers(0, SEGMENT), data=st.data())
def test_a_single_wrong_byte_does_not_match(first: int, size: int, data: st.DataObject) -> None:
    part = bytearray(WHOLE[first : first + size])
    assert matches(PATH, first, memoryview(part))
    if size:
        part[data.draw(st.integers(0, size - 1))] ^= 1
        assert not matches(PATH, first, bytes(part))


@pytest.mark.parametrize("shift", [1, 4096, 65_536, PIECE, SEGMENT, 2 * SEGMENT])
def test_bytes_of_another_place_do_not_match(shift: int) -> None:
    assert not matches(PATH, shift, WHOLE[:16])


def test_bytes_of_another_object_or_generation_do_not_match() -> None:
    keys = [f"/bench/4KiB-{number}" for number in range(200)]
    starts = {content(key, 0, 16, generation) for key in keys for generation in (0, 1)}
    assert len(starts) == 400
    assert len({etag(key, generation) for key in keys for generation in (0, 1)}) == 400


def test_no_piece_is_larger_than_a_turn_allows() -> None:
    assert max(len(piece) for piece in pieces(PATH, 5, 2 * SEGMENT)) == PIECE


@pytest.mark.parametrize(
    "path, size",
    [
        ("/bench/16MiB-17", 16 << 20),
        ("/bench/4KiB", 4096),
        ("/bench/4096B-3", 4096),
        ("/bench/deep/0B-x", 0),
        ("/bench/1GiB", 1 << 30),
        ("/bench/file", DEFAULT_SIZE),
        ("/bench/x4KiB", DEFAULT_SIZE),
    ],
)
def test_the_size_is_in_the_key(path: str, size: int) -> None:
    assert size_of(path) == size


def test_an_etag_is_quoted_and_the_same_in_every_process() -> None:
    assert etag("/a") == '"288adb9e85d6d3b155a82b2428f468ea"'
    assert content("/a", 0, 4).hex() == "16c18841"
