"""A picture as plain text."""

from s3edge.top.decisions import Decisions
from s3edge.top.flows import Query
from s3edge.top.plain import picture
from tests.top.made_up import event, flow, frame, frame_fields


def test_a_picture_has_all_that_the_terminal_has() -> None:
    decisions = Decisions()
    decisions.add(event())
    assert picture(frame(), decisions, Query(), "http://127.0.0.1:9090", 120).splitlines() == [
        "● ready  s3edge 9.9  4/4 workers  lag 2.0 ms  12:00:00 UTC  127.0.0.1:9090",
        "",
        "sent         1.2 GiB/s                  received         0 B/s                  requests       1,240/s",
        "in flight          312                  1st byte p50    4.2 ms                  1st byte p99         -",
        "stalled        2.5 s/s                  waiting              4                  failed             0/s",
        "shed               3/s                  hidden           1.8/s                  clients            512",
        "",
        "NODES  1",
        "state        node                since  share  in flight     p50     p99  req/s  cluster     last reason",
        "● up         n1:9000                5m   100%         12  4.2 ms   31 ms     31  minio       answered 200",
        "",
        "TENANTS  1",
        "tenant        req/s       sent   received  in flight   wait  stall/s  shed/s  failed/s  guard, use of limit",
        "rag             120   50 MiB/s      0 B/s          7      0      0.5       0         0  -",
        "",
        "FLOWS  1, by age down",
        "state  tenant      operation    node                moved       of       rate  age▼   resumed  object",
        "send   rag         GetObject    n1:9000            12 MiB   64 MiB  8.0 MiB/s  1.5s         0  "
        "datasets/train/00001.tar",
        "",
        "DECISIONS",
        "11:59:58  +  n1:9000 takes requests again",
    ]


def test_what_there_is_none_of_is_said() -> None:
    empty = frame(nodes=[], tenants=[], flows={"total": 0, "matching": 0, "flows": []})
    lines = picture(empty, Decisions(), Query(), "s", 80).splitlines()
    for line in ("no nodes", "no tenants", "no flows now", "nothing out of the ordinary was decided"):
        assert line in lines


def test_what_is_not_well_is_said_below_the_first_line() -> None:
    edge = frame_fields()["edge"] | {"not_ready": "no node is proven up"}
    lines = picture(frame(edge=edge), Decisions(), Query(), "s", 80).splitlines()
    assert lines[:2] == [
        "✗ not ready  s3edge 9.9  4/4 workers  lag 2.0 ms  12:00:00 UTC  s",
        "not ready: no node is proven up",
    ]


def test_no_key_brings_a_line_break_or_an_escape_into_the_text() -> None:
    hostile = flow(key="a\x1b[2J\nb\u2028", tenant="[red]\r")
    text = picture(frame(flows={"total": 1, "matching": 1, "flows": [hostile]}), Decisions(), Query(), "s", 160)
    assert text.replace("\n", "").isprintable()
    assert len([line for line in text.split("\n") if "[red]" in line]) == 1
