from s3edge.s3.operation import Operation
from s3edge.telemetry.totals import PART, AllSeries, Totals, column, columns


def test_series_are_made_when_they_are_first_asked_for() -> None:
    series = AllSeries()
    one = series[Operation.GetObject, 200, "done"]
    assert series[Operation.GetObject, 200, "done"] is one
    assert series[Operation.GetObject, 200, "cut"] is not one
    assert len(series) == 2


def test_statuses_that_http_does_not_know_share_a_series_by_their_hundred() -> None:
    series = AllSeries()
    assert series[Operation.GetObject, 599, "done"] is series[Operation.GetObject, 598, "done"]
    assert series[Operation.GetObject, 499, "done"] is not series[Operation.GetObject, 598, "done"]
    assert [status for _, status, _ in series] == ["5xx", "4xx"]


def test_the_sample_of_a_series_says_how_many_counts_were_read_for_it() -> None:
    series = AllSeries()[Operation.GetObject, 200, "done"]
    for tenant in ("rag", "training", "rag"):
        series.uses[tenant].count += 1
    sample = Totals().add(Operation.GetObject, 200, "done", series)
    assert sample == ("s3edge_exchanges_total", ["GetObject", "200", "done"], [3], 2)


def test_series_of_one_class_add_up_for_each_tenant() -> None:
    series, totals = AllSeries(), Totals()
    for operation in (Operation.GetObject, Operation.HeadObject):
        use = series[operation, 200, "done"].uses["rag"]
        use.count, use.received, use.sent = 2, 1, 10
        totals.add(operation, 200, "done", series[operation, 200, "done"])
    chunks = {family: [*labels, *numbers] for family, labels, numbers, _ in totals.chunks()}
    assert chunks["s3edge_tenant_exchanges_total"] == ["rag", "read", "200", "done", 4]
    assert chunks["s3edge_tenant_received_bytes_total"] == ["rag", 2]
    assert chunks["s3edge_tenant_sent_bytes_total"] == ["rag", 20]
    assert chunks["s3edge_sent_bytes_total"] == ["GetObject", "HeadObject", 10, 10]


def test_columns_are_cut_where_they_are_long_and_have_all_labels_of_a_sample_together() -> None:
    counts: dict[tuple[str, ...], int] = {(f"n{number}", "done"): number for number in range(PART + 2)}
    long, short = columns("f", counts)
    assert (long[3], short) == (PART, ("f", [f"n{PART}", "done", f"n{PART + 1}", "done"], [PART, PART + 1], 2))
    assert long[1][:4] == ["n0", "done", "n1", "done"]


def test_a_column_is_what_there_was_when_it_was_begun() -> None:
    counts = {f"n{number}": number for number in range(PART + 1)}
    chunks = column("f", counts)
    next(chunks)
    counts["late"] = 1
    assert list(chunks) == [("f", [f"n{PART}"], [PART], 1)]
