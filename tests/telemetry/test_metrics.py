import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from s3edge.s3.operation import Operation
from s3edge.telemetry.families import FAMILIES, Kind
from s3edge.telemetry.meter import Meter, Snapshot
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


def test_odd_label_values_of_histograms_are_escaped_too() -> None:
    snapshot: Snapshot = {"s3edge_node_first_byte_seconds": [(['n"1'], [0] * 17)]}
    found = samples(exposition(snapshot, "")[0].decode())
    assert found["s3edge_node_first_byte_seconds_count", (("node", 'n"1'),)] == 0


def test_numbers_are_written_as_they_are() -> None:
    values = (0, 5, 0.1 + 0.2, 1e-9, 2**53, True)
    snapshot: Snapshot = {"s3edge_node_inflight": [([f"n{number}"], value) for number, value in enumerate(values)]}
    found = samples(exposition(snapshot, "")[0].decode())
    assert [value for (name, _), value in found.items() if name == "s3edge_node_inflight"] == list(values)


def sample_of_everything() -> Snapshot:
    """Two samples of each family, or one of those without labels."""
    snapshot: Snapshot = {}
    for family in FAMILIES.values():
        value: float | list[float] = 1.5
        if family.kind is Kind.HISTOGRAM:
            value = [1.0] * (len(family.bounds) + 1) + [2.5]
        names = ("one", "two") if family.labels else ("",)
        snapshot[family.name] = [([f"{name} {label}" for label in family.labels], value) for name in names]
    return snapshot


@pytest.mark.parametrize("accept, parse", [("", plain), (OPENMETRICS, open_metrics)])
def test_parsers_find_every_family_with_its_kind_help_and_labels(
    accept: str, parse: Callable[[str], Iterable[Metric]]
) -> None:
    found = {metric.name: metric for metric in parse(exposition(sample_of_everything(), accept)[0].decode())}
    assert len(found) == len(FAMILIES)
    for family in FAMILIES.values():
        metric = found[family.name.removesuffix("_total")]
        assert (metric.type, metric.documentation) == (family.kind, family.help)
        labels = {name for sample in metric.samples for name in sample.labels}
        assert labels - {"le"} == set(family.labels)


@pytest.mark.parametrize("accept, parse", [("", plain), (OPENMETRICS, open_metrics)])
def test_no_series_comes_twice(accept: str, parse: Callable[[str], Iterable[Metric]]) -> None:
    text = exposition(sample_of_everything(), accept)[0].decode()
    series = Counter(
        (sample.name, *sorted(sample.labels.items())) for metric in parse(text) for sample in metric.samples
    )
    assert [name for name, count in series.items() if count > 1] == []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == sum(series.values())


def test_names_and_helps_are_as_prometheus_recommends() -> None:
    """What `promtool check metrics` looks at, for those who have no promtool."""
    for family in FAMILIES.values():
        assert re.search(r"[a-z]", family.help)
        words = family.name.removesuffix("_total").split("_")
        assert not {"milliseconds", "ms", "minutes", "hours", "kilobytes", "kib", "mib", "percent"} & set(words)
        assert not {"counter", "gauge", "histogram", "metric"} & set(words)
        assert words[-1] not in ("count", "sum", "bucket")
        assert not {"seconds", "bytes"} & set(words[:-1]), "the unit comes last"
        assert not {"le", "quantile"} & set(family.labels)
