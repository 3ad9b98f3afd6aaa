from tests.compose.queries import faults, known_names, recorded


def test_a_metric_or_a_label_that_does_not_exist_is_found() -> None:
    known = {**known_names(), "instance:s3edge_exchanges:rate5m": {"instance"}}
    assert faults(['rate(s3edge_exchanges_total{outcome=~"failed|cut",instance="e"}[5m])'], known) == []
    assert faults(["instance:s3edge_exchanges:rate5m > 0"], known) == []
    assert faults(["s3edge_exchange_seconds_bucket"], known) == []
    assert faults(["rate(s3edge_exchange_seconds[5m])"], known) == [
        "s3edge_exchange_seconds in rate(s3edge_exchange_seconds[5m])"
    ]
    assert faults(['s3edge_workers{tenant="x"}'], known) == [
        's3edge_workers has no label tenant in s3edge_workers{tenant="x"}'
    ]
    assert faults(["instance:s3edge_nothing:rate5m"], known) != []


def test_a_recorded_series_has_the_labels_that_its_name_begins_with() -> None:
    assert recorded("instance_node:s3edge_x:p99_rate5m") == {"instance", "node", "job"}
