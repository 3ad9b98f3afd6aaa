from s3edge.server.messages import MESSAGE, Beat
from s3edge.telemetry.meter import Meter
from s3edge.telemetry.rollup import add


def test_a_snapshot_means_the_same_on_the_other_side() -> None:
    meter = Meter()
    for status in (200, 206, 404):
        meter.exchange("GetObject", status, "complete", 0, 2**52, 0.002, 0.003)
    meter.attempt("n1", "complete")
    sent = meter.snapshot()
    arrived = MESSAGE.validate_json(MESSAGE.dump_json(Beat(lag=0.0, cpu=0.0, resident=0, snapshot=sent)))
    assert isinstance(arrived, Beat)
    assert arrived.snapshot == sent
    assert add((arrived.snapshot, sent))["s3edge_sent_bytes_total"] == [(["GetObject"], 6 * 2**52)]
