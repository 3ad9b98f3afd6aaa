from loadtests.clients import Got
from loadtests.live_reload import STEP_SECONDS, Step, delays
from loadtests.nodes import MIB

TENTH = MIB // 10


def test_a_limit_is_effective_when_the_bandwidth_has_followed() -> None:
    series = [60 * TENTH] * 20 + [20 * TENTH] * 40
    got = Got("bulk", received=series)
    assert delays(got, [Step(1.5, 20)]) == [0.5]
    assert delays(got, [Step(2.0, 20)]) == [0.0]


def test_one_that_is_never_effective_took_the_whole_step() -> None:
    got = Got("bulk", received=[60 * TENTH] * 60)
    assert delays(got, [Step(1.0, 20)]) == [STEP_SECONDS]
