"""What is understood of `traceparent` and `tracestate`, and what counts as not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.telemetry.traceparent import TraceParent, parse_traceparent, parse_tracestate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = TraceParent(int(TRACE, 16), int(SPAN, 16), 1)

parents = st.builds(TraceParent, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 3))


@given(parents)
def test_what_is_written_is_read_back(parent: TraceParent) -> None:
    assert parse_traceparent(bytes(parent)) == parent
    assert len(bytes(parent)) == 55


@given(parents, st.integers(0, 54), st.binary(min_size=1, max_size=1))
def test_a_changed_byte_makes_it_another_one_or_none(parent: TraceParent, at: int, byte: bytes) -> None:
    raw = bytes(parent)
    changed = raw[:at] + byte + raw[at + 1 :]
    parsed = parse_traceparent(changed)
    if parsed is None:
        return
    assert at >= 2 or parsed == parent, "another version says the same"
    assert changed.count(b"-") == 3
    assert set(changed) <= set(b"0123456789abcdef-")
    assert bytes(parsed)[3:52] == changed[3:52]


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    parsed = parse_traceparent(value)
    assert parsed is None or (parsed.trace_id and parsed.span_id and value[:2] != b"ff")


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"0x-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[1:]}-01",
        f"00_{TRACE}_{SPAN}_01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"01-{TRACE}-{SPAN}-01.more",
        f"01-{TRACE}-{SPAN}-01more",
    ],
)
def test_what_is_malformed_counts_as_not_there(value: str) -> None:
    assert parse_traceparent(value.encode()) is None


@pytest.mark.parametrize(
    "value", [f"01-{TRACE}-{SPAN}-01", f"fe-{TRACE}-{SPAN}-01-", f"cc-{TRACE}-{SPAN}-01-what-ever"]
)
def test_of_a_later_version_the_known_part_counts(value: str) -> None:
    assert parse_traceparent(value.encode()) == PARENT


@pytest.mark.parametrize("flags, known", [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("fc", 0), ("ff", 3)])
def test_unknown_flags_are_not_passed_on(flags: str, known: int) -> None:
    parent = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}".encode())
    assert parent is not None
    assert (parent.flags, parent.is_sampled) == (known, bool(known & 1))


@pytest.mark.parametrize(
    "value, members",
    [
        ("", ()),
        ("rojo=00f067aa0ba902b7", (("rojo", "00f067aa0ba902b7"),)),
        ("congo=t61rcWkgMzE,rojo=00f067", (("congo", "t61rcWkgMzE"), ("rojo", "00f067"))),
        (" a=1 ,\t b=2 ,, ", (("a", "1"), ("b", "2"))),
        ("fw529a3039@dt=FfAAAAAAAAAAAB", (("fw529a3039@dt", "FfAAAAAAAAAAAB"),)),
        ("a=x y", (("a", "x y"),)),
        ("a*/_-9=!+;~", (("a*/_-9", "!+;~"),)),
        ("A=1", ()),
        ("1a=1", ()),
        ("a@b@c=1", ()),
        ("a", ()),
        ("a=", ()),
        ("a=1=2", ()),
        ("a=1,a=2", ()),
        ("ok=1,Bad=2", ()),
        ("a=\xfc", ()),
        ("a=\x7f", ()),
        ("a" * 257 + "=1", ()),
        ("a=" + "1" * 257, ()),
        ("a=" + "1" * 256, (("a", "1" * 256),)),
        (",".join(f"k{number}=v" for number in range(33)), ()),
        (",".join(f"k{number}=v" for number in range(32)), tuple((f"k{number}", "v") for number in range(32))),
    ],
)
def test_a_state_is_read_as_a_whole_or_not_at_all(value: str, members: tuple[tuple[str, str], ...]) -> None:
    assert parse_tracestate(value.encode("latin-1")) == members


@given(st.binary(max_size=600))
def test_any_state_is_read_or_refused(value: bytes) -> None:
    members = parse_tracestate(value)
    assert len(dict(members)) == len(members) <= 32
    assert all((name + text).isascii() and text.isprintable() for name, text in members)
