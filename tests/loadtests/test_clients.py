from pathlib import Path

from loadtests.clients import Clients, Got, access_key, claim, from_json, load, save, to_json
from s3edge.http1.head import parse_request
from s3edge.s3.sigv4 import claimed_access_key

GOT = Got("training", 12.5, received=[1, 2, 4, 8, 16], answered=[0, 1], outcomes={"503": 2, "ok": 1, "reset": 1})


def test_s3edge_reads_the_key_that_clients_claim() -> None:
    head = parse_request(f"GET /bench/4KiB HTTP/1.1\r\nHost: edge\r\n{claim('training')}\r\n".encode())
    assert claimed_access_key(head) == access_key("training") == "AKTRAINING"


def test_clients_are_the_same_after_a_journey_to_another_process() -> None:
    clients = Clients("training", 4, {4096: 1, 8192: 3}, begin=2.0, is_reckless=True, source_ports=[10_000, 10_001])
    assert from_json(to_json([clients], 5.0)) == ([clients], 5.0)


def test_what_they_got_is_the_same_after_a_journey_back(tmp_path: Path) -> None:
    save([GOT], tmp_path / "got.json")
    assert load(tmp_path / "got.json") == {"training": GOT}


def test_bytes_are_summed_over_the_buckets_between_two_instants() -> None:
    assert GOT.bytes_between(0.1, 0.3) == 2 + 4
    assert GOT.bytes_between(0.0, 9.0) == 31


def test_whatever_did_not_go_well_has_failed() -> None:
    assert GOT.failed == 3
