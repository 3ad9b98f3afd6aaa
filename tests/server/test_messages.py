from s3edge.events import BodyBroken, End, Subject
from s3edge.s3.operation import Operation
from s3edge.server.messages import MESSAGE, AskFlows, Beat, Counts, FlowsFound
from s3edge.telemetry.flows import Column, Flow, FlowState, Found, Query
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.rollup import Rollup


def test_counts_mean_the_same_on_the_other_side() -> None:
    meter = Meter()
    for status in (200, 206, 404):
        meter.exchange("default", Operation.GetObject, status, "complete", 0, 2**52, 0.002, 0.003)
    meter.attempt("n1", "complete")
    sent = meter.columns()
    arrived = MESSAGE.validate_json(MESSAGE.dump_json(Counts(part=0, columns=sent)))
    assert isinstance(arrived, Counts)
    assert arrived.columns == sent
    total = Rollup().total((arrived.columns,))
    assert total == meter.snapshot()
    assert total["s3edge_sent_bytes_total"] == [(["GetObject"], 3 * 2**52)]


def test_events_mean_the_same_on_the_other_side() -> None:
    meter = Meter()
    journal = Journal(meter, lambda: 7.25)
    # A key of bytes that are not UTF-8, as `s3.encoding` gives it.
    journal.record(BodyBroken("n1", Subject("GetObject", "b", "caf\u00e9\n\udcff"), End.STALLED, 4096))
    journal.record(BodyBroken("n1", None, End.CLOSED, 0))
    events = tuple(journal.take())
    sent = Beat(lag=0.0, cpu=0.0, resident=0, events=events)
    arrived = MESSAGE.validate_json(MESSAGE.dump_json(sent))
    assert isinstance(arrived, Beat)
    assert arrived.events == events


def test_flows_and_the_question_for_them_mean_the_same_on_the_other_side() -> None:
    asked = AskFlows(question=7, query=Query(Column.KEY, is_descending=False, filter="caf\u00e9", limit=3))
    assert MESSAGE.validate_json(MESSAGE.dump_json(asked)) == asked
    flow = Flow(
        9, "rag", "10.0.0.7", "GetObject", "read", "b", "caf\u00e9\n\u2028", "n1:9000", FlowState.WAITING,
        2**52, 0, None, 12.5, 0.25, 2,
    )  # fmt: skip
    found = FlowsFound(question=7, found=Found(3, 1, (flow,)))
    assert MESSAGE.validate_json(MESSAGE.dump_json(found)) == found
