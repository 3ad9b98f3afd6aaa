from s3edge.server.restarts import FIRST_PAUSE, GIVE_UP, LONGEST_PAUSE, YOUNG, Restarts


def test_a_worker_that_lived_long_is_replaced_at_once() -> None:
    restarts = Restarts()
    restarts.ready()
    assert restarts.died(0, YOUNG) == 0.0


def test_a_worker_that_keeps_dying_young_waits_longer_each_time() -> None:
    restarts = Restarts()
    restarts.ready()
    pauses = [restarts.died(0, 0.5) for _ in range(10)]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_long_life_starts_the_pauses_anew_and_other_workers_do_not_count() -> None:
    restarts = Restarts()
    restarts.ready()
    for _ in range(5):
        restarts.died(0, 0.5)
    assert restarts.died(1, 0.5) == FIRST_PAUSE
    restarts.died(0, YOUNG)
    assert restarts.died(0, 0.5) == FIRST_PAUSE


def test_workers_that_never_serve_are_given_up() -> None:
    restarts = Restarts()
    pauses = [restarts.died(number % 2, 0.1) for number in range(GIVE_UP)]
    assert None not in pauses[:-1]
    assert pauses[-1] is None


def test_once_a_worker_has_served_nothing_is_given_up_any_more() -> None:
    restarts = Restarts()
    for _ in range(GIVE_UP - 1):
        restarts.died(0, 0.1)
    restarts.ready()
    assert None not in [restarts.died(0, 0.1) for _ in range(10 * GIVE_UP)]


def test_pauses_stay_finite_after_a_very_long_series() -> None:
    restarts = Restarts()
    restarts.ready()
    for _ in range(2000):
        assert restarts.died(0, 0.1) is not None
