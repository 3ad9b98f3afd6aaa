from loadtests.clients import Got
from loadtests.contest import Outcome
from loadtests.fair_shares import BANDWIDTH, COLUMNS, cells, rates_of, trials
from loadtests.records import Readings
from loadtests.report import Verdict

WEIGHTED, ALONE, EQUALS = trials()


def test_weights_may_be_a_twentieth_off() -> None:
    assert WEIGHTED.judge({"heavy": 314.0, "light": 100.0}).verdict is Verdict.MET
    assert WEIGHTED.judge({"heavy": 316.0, "light": 100.0}).verdict is Verdict.MISSED
    assert WEIGHTED.judge({"heavy": 284.0, "light": 100.0}).verdict is Verdict.MISSED


def test_who_is_alone_gets_all_but_a_fiftieth() -> None:
    assert [clients.connections for clients in ALONE.clients] == [0, 24]
    assert ALONE.judge({"heavy": 0.0, "light": 0.981 * BANDWIDTH}).verdict is Verdict.MET
    assert ALONE.judge({"heavy": 0.0, "light": 0.979 * BANDWIDTH}).verdict is Verdict.MISSED


def test_equals_have_1_to_64_connections_and_must_get_about_the_same() -> None:
    assert [clients.connections for clients in EQUALS.clients] == sorted(
        {clients.connections for clients in EQUALS.clients}
    )
    assert (len(EQUALS.clients), EQUALS.clients[0].connections, EQUALS.clients[-1].connections) == (20, 1, 64)
    fair = {clients.tenant: 1e6 for clients in EQUALS.clients}
    assert EQUALS.judge(fair).verdict is Verdict.MET
    assert EQUALS.judge(fair | {"tenant-1": 5e6}).verdict is Verdict.MISSED


def test_the_first_second_is_nobodys_share() -> None:
    got = Got("light", received=[99] * 10 + [4] * 20)
    assert rates_of(Outcome({"light": got}, Readings([], []), [], 0.0), 3.0) == {"light": 40.0}


def test_a_line_of_the_table_leaves_out_who_was_idle() -> None:
    line = cells("a run", "s3edge", {"heavy": 3e6, "light": 1e6, "idle": 0.0}, 2, 0.5)
    assert line == ["a run", "s3edge", "4.0", "3.00", "0.800", "2", "0.50"]
    assert len(line) == len(COLUMNS)
    assert cells("a run", "s3edge", {}, 0, 0.0)[3:5] == ["-", "0.000"]
