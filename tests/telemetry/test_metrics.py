from prometheus_client.parser import text_string_to_metric_families as plain

from s3edge.s3.operation import Operation
from s3edge.telemetry.families import FAMILIES
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.metrics import exposition

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Sample name and labels -> value, as Prometheus' own parser reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in plain(text)
        for sample in family.samples
    }


def test_counters_keep_their_labels_and_names() -> None:
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 4096, 0.002, 0.003)
    body, content_type = exposition(meter.snapshot(), "")
    assert content_type.startswith("text/plain")
    labels = (("operation", "GetObject"), ("outcome", "complete"), ("status", "200"))
    assert samples(body.decode())["s3edge_exchanges_total", labels] == 1


def test_a_histogram_has_cumulative_buckets_a_count_and_a_sum() -> None:
    meter = Meter()
    for seconds in (0.0005, 0.004, 0.004, 100.0):
        meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, None, seconds)
    found = samples(exposition(meter.snapshot(), "")[0].decode())
    get = ("operation", "GetObject")
    assert found["s3edge_exchange_seconds_bucket", (("le", "0.001"), get)] == 1
    assert found["s3edge_exchange_seconds_bucket", (("le", "0.005"), get)] == 3
    assert found["s3edge_exchange_seconds_bucket", (("le", "60.0"), get)] == 3
    assert found["s3edge_exchange_seconds_bucket", (("le", "+Inf"), get)] == 4
    assert found["s3edge_exchange_seconds_count", (get,)] == 4
    assert found["s3edge_exchange_seconds_sum", (get,)] == 100.0085


def test_all_families_of_the_table_are_declared_even_without_samples() -> None:
    body, _ = exposition({}, "")
    declared = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# HELP")}
    assert declared == set(FAMILIES)


def test_openmetrics_is_spoken_to_those_who_ask_for_it() -> None:
    body, content_type = exposition(Meter().snapshot(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert b"# TYPE s3edge_connections counter\n" in body


def test_odd_label_values_are_escaped() -> None:
    meter = Meter()
    meter.attempt('n"1\\', "two\nlines")
    found = samples(exposition(meter.snapshot(), "")[0].decode())
    assert found["s3edge_attempts_total", (("node", 'n"1\\'), ("outcome", "two\nlines"))] == 1
