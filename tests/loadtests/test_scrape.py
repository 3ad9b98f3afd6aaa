from loadtests.report import Verdict
from loadtests.scrape import COLUMNS, WITH, WITHOUT, Run, lags, report


def run(name: str, beside: float, cpu: float) -> Run:
    """Three scrapes, and an answer beside each; two more are longer and beside none."""
    scrapes = [(1.0, 1.1), (2.0, 2.1), (3.0, 3.1)]
    answers = [(begin + 0.05, beside) for begin, _ in scrapes] + [(1.5, 0.3), (2.5, 0.3)]
    return Run(name, answers, scrapes, cpu=cpu, rate=0.5, lag=0.002, lines=17)


def test_a_scrape_costs_what_was_used_more_with_scrapes_than_without() -> None:
    cost, _ = report(run(WITHOUT, 0.001, 0.1), run(WITH, 0.001, 0.12)).findings
    assert (round(cost.found, 9), cost.verdict) == (40.0, Verdict.MET)
    cost, _ = report(run(WITHOUT, 0.001, 0.1), run(WITH, 0.001, 0.126)).findings
    assert cost.verdict is Verdict.MISSED


def test_an_answer_may_take_ten_milliseconds_more_beside_a_scrape_than_beside_none() -> None:
    for more, verdict in ((0.009, Verdict.MET), (0.011, Verdict.MISSED)):
        _, held_up = report(run(WITHOUT, 0.02, 0.1), run(WITH, 0.02 + more, 0.1)).findings
        assert held_up.verdict is verdict


def test_an_answer_is_beside_a_scrape_if_it_was_waited_for_meanwhile() -> None:
    seen = Run(WITH, answers=[(1.2, 0.15), (1.3, 0.19), (0.99, 0.5)], scrapes=[(1.0, 1.1)])
    assert seen.beside == 0.15
    assert Run(WITH, answers=[(9.0, 0.1)], scrapes=[(1.0, 1.1)]).beside == 0.0


def test_the_table_has_a_line_for_each_run_and_scrapes_for_one() -> None:
    without, scraped = report(run(WITHOUT, 0.001, 0.1), run(WITH, 0.001, 0.1)).lines
    assert len(without) == len(scraped) == len(COLUMNS)
    assert (without[1], without[3], scraped[1], scraped[3]) == ("0", "", "3", "100")
    assert scraped[2] == "17"


def test_the_lag_of_each_worker_is_read_from_a_scrape() -> None:
    text = 's3edge_workers 2.0\ns3edge_loop_lag_seconds{worker="0"} 0.25\ns3edge_loop_lag_seconds{worker="1"} 1e-05\n'
    assert lags(text) == [0.25, 1e-05]
