import pytest

from loadtests.wrk import LoadError, parse_output

GOOD = """\
Running 2s test @ http://127.0.0.1:18000/bench/4KiB
  1 threads and 32 connections
  67200 requests in 2.10s, 277.45MB read
Requests/sec:  32000.00

s3edge-load {"requests": 67200, "bytes": 290927416, "seconds": 2.100123, "p50": 0.000850, "p99": 0.002140, \
"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}
"""


def test_a_good_run_is_read_exactly_and_has_no_errors() -> None:
    load = parse_output(GOOD)
    assert (load.requests, load.bytes, load.seconds) == (67200, 290927416, 2.100123)
    assert (load.p50, load.p99) == (0.00085, 0.00214)
    assert load.errors == {}


def test_only_the_kinds_of_error_that_happened_are_told() -> None:
    load = parse_output(GOOD.replace('"read": 0', '"read": 3').replace('"status": 0', '"status": 12'))
    assert load.errors == {"read": 3, "status": 12}


def test_output_without_a_report_is_shown_as_it_is() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        parse_output("unable to connect to 127.0.0.1:18000 Connection refused\n")


@pytest.mark.parametrize("report", ["s3edge-load {", 's3edge-load {"requests": 1}'])
def test_a_damaged_report_is_refused(report: str) -> None:
    with pytest.raises(LoadError, match="cannot be read"):
        parse_output(f"Running 2s test\n{report}\n")
