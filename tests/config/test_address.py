"""Addresses to listen on, and node URLs."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.address import Address, NodeUrl, parse_address, parse_base_host, parse_node_url
from s3edge.config.fault import Refused

HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z][a-z0-9]{0,8})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
PORTS = st.integers(1, 65535)


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("LocalHost:0", "localhost", 0),
        ("[::1]:9000", "::1", 9000),
        ("[2001:DB8::0:1]:80", "2001:db8::1", 80),
        (":9000", "0.0.0.0", 9000),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)


@pytest.mark.parametrize(
    "value, hint",
    [
        ("9000", "did you mean :9000?"),
        ("localhost", "did you mean localhost:9000?"),
        ("::1:9000", "put an IPv6 address in brackets"),
        ("localhost:65536", ""),
        ("localhost:-1", ""),
        ("local host:1", ""),
        ("[::g]:1", ""),
        ("[localhost]:1", ""),
        ("-x:1", ""),
        ("http://localhost:9000", ""),
        ("", "did you mean :9000?"),
        (9001, "did you mean :9001?"),
        (None, ""),
    ],
)
def test_what_is_no_address_is_refused_with_what_is(value: object, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_address(value)
    allowed = "HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:9000, [::1]:9000 or :9000"
    assert (refused.value.allowed, refused.value.hint) == (allowed, hint)


@given(HOSTS, PORTS)
def test_an_address_is_written_as_it_is_read(host: str, port: int) -> None:
    address = Address(host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "one, other, is_clash",
    [
        (":9000", "127.0.0.1:9000", True),
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("[::]:9000", "10.0.0.1:9000", True),
        ("127.0.0.1:9000", "127.0.0.1:9090", False),
        ("127.0.0.1:9000", "127.0.0.2:9000", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_addresses_overlap_where_two_sockets_cannot_listen(one: str, other: str, is_clash: bool) -> None:
    assert parse_address(one).overlaps(parse_address(other)) is is_clash
    assert parse_address(other).overlaps(parse_address(one)) is is_clash


@pytest.mark.parametrize(
    "text, url",
    [
        ("http://minio1:9000", NodeUrl("http", "minio1", 9000)),
        ("http://minio1:9000/", NodeUrl("http", "minio1", 9000)),
        ("http://minio_1", NodeUrl("http", "minio_1", 80)),
        ("https://S3.Example.com", NodeUrl("https", "s3.example.com", 443)),
        ("https://[::1]:9000", NodeUrl("https", "::1", 9000)),
    ],
)
def test_a_node_url_is_a_scheme_a_host_and_a_port(text: str, url: NodeUrl) -> None:
    assert parse_node_url(text) == url


@pytest.mark.parametrize(
    "value, hint",
    [
        ("minio1:9000", "begin it with http:// or https://"),
        ("ftp://minio1", ""),
        ("HTTP://minio1", ""),
        ("http://", ""),
        ("http://:9000", ""),
        ("http://minio1:0", ""),
        ("http://minio1:99999", ""),
        ("http://minio1:x", ""),
        ("http://minio 1", ""),
        ("http://minio1/bucket", "leave out what follows the port"),
        ("http://minio1?x", "leave out what follows the port"),
        ("http://minio1#x", "leave out what follows the port"),
        ("http://::1:9000", "put an IPv6 address in brackets"),
        (1, ""),
        (None, ""),
    ],
)
def test_what_is_no_node_url_is_refused_with_what_is(value: object, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_node_url(value)
    allowed = "http://HOST[:PORT] or https://HOST[:PORT], such as http://minio1:9000"
    assert (refused.value.allowed, refused.value.hint) == (allowed, hint)


def test_credentials_in_a_url_are_not_repeated() -> None:
    with pytest.raises(Refused) as refused:
        parse_node_url("http://admin:hunter2@minio1")
    assert refused.value.found == "a URL with a user name"
    assert "hunter2" not in str(refused.value)


@given(st.sampled_from(["http", "https"]), HOSTS, PORTS)
def test_a_node_url_is_written_as_it_is_read(scheme: str, host: str, port: int) -> None:
    text = f"{scheme}://[{IPv6Address(host)}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    url = parse_node_url(text)
    assert (url.scheme, url.host, url.port) == (scheme, host, port)
    assert str(url) == text


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_address, parse_node_url, parse_base_host):
        try:
            outcome = str(parse(text))
        except Refused as refused:
            outcome = refused.allowed
        assert outcome


def test_a_base_host_is_a_dns_name() -> None:
    assert parse_base_host("S3.Example.com") == "s3.example.com"
    for wrong in ("http://s3.example.com", "s3.example.com:9000", "10.0.0.1", "*.example.com", "", None):
        with pytest.raises(Refused, match="a DNS name without scheme and port"):
            parse_base_host(wrong)
