from loadtests.soak import growth


def test_a_level_line_with_spikes_does_not_grow() -> None:
    assert growth([50, 50, 90, 50, 50, 50, 90, 50, 50, 50, 50, 90]) == 0


def test_a_slope_grows() -> None:
    assert growth(list(range(100))) == 75


def test_few_samples_are_enough() -> None:
    assert growth([10]) == 0
    assert growth([10, 12]) == 2
