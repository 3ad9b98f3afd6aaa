import pytest

from s3edge.health.slow_start import factor


@pytest.mark.parametrize(
    "elapsed, part",
    [(0.0, 0.1), (0.5, 0.1), (1.0, 0.2), (2.5, 0.5), (4.99, 0.998), (5.0, 1.0), (1e9, 1.0)],
)
def test_a_node_that_came_back_is_given_its_share_over_the_length(elapsed: float, part: float) -> None:
    assert factor(elapsed, 5.0) == pytest.approx(part)


def test_without_a_length_it_has_its_share_at_once() -> None:
    assert factor(0.0, 0.0) == 1.0
