"""Frames and events are taken as they are told, and garbage is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.top.frame import Event, Frame, GarbageError, read
from tests.top.made_up import event_fields, flow, frame_fields, node, tenant


def test_a_frame_is_read_as_it_was_told() -> None:
    told = frame_fields(
        nodes=[node(limit=64)], tenants=[tenant(limits=[{"policy": "p", "limits": {"concurrency": 9}}])]
    )
    frame = read(Frame, json.dumps(told))
    assert frame.edge.version == "9.9"
    assert (frame.nodes[0].limit, frame.nodes[0].first_byte.p99) == (64, 0.031)
    assert frame.tenants[0].limits[0].limits.concurrency == 9
    assert frame.flows.flows[0].key == "train/00001.tar"


def test_what_a_newer_server_adds_is_ignored() -> None:
    told = frame_fields(new={"a": [1]}, nodes=[node(new=1)])
    assert read(Frame, json.dumps(told)).nodes[0].name == "n1:9000"


def test_an_event_is_read_as_it_was_told() -> None:
    event = read(Event, json.dumps(event_fields(7, operation="GetObject", bucket="b", key="k")))
    assert (event.sequence, event.operation, event.bucket, event.key) == (7, "GetObject", "b", "k")
    assert event.time.isoformat() == "2024-02-29T11:59:58.250000+00:00"


@pytest.mark.parametrize(
    "fields, fault",
    [
        ({"nodes": 3}, "nodes: Input should be a valid array"),
        ({"interval": "often"}, "interval: Input should be a valid number, unable to parse string as a number"),
        ({"time": "2024-02-29T12:00:00"}, "time: Input should have timezone info"),
        ({"nodes": [node(share=1e300)]}, "nodes.0.share: Input should be less than or equal to 1000000000000000"),
        ({"flows": {"total": -1}}, "flows.total: Input should be greater than or equal to 0"),
        ({"flows": {"flows": [flow(rate=None)]}}, "flows.flows.0.rate: Input should be a valid number"),
    ],
)
def test_a_frame_with_a_fault_is_garbage_and_the_fault_is_named(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(GarbageError) as error:
        read(Frame, json.dumps(frame_fields(**fields)))
    assert str(error.value) == fault


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"x"', "NaN", "[" * 100_000, '{"time": "\\ud800"}', b"\xff"])
def test_what_is_no_frame_is_garbage(text: str | bytes) -> None:
    with pytest.raises(GarbageError):
        read(Frame, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000])
def test_what_is_no_number_of_this_world_is_garbage(number: str) -> None:
    text = json.dumps(frame_fields()).replace('"stalled": 2.5', f'"stalled": {number}')
    with pytest.raises(GarbageError):
        read(Frame, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_does_more_than_be_garbage(value: object) -> None:
    with pytest.raises(GarbageError):
        read(Frame, json.dumps(value))
    with pytest.raises(GarbageError):
        read(Frame, json.dumps(frame_fields(edge=value)))
