"""Pages of others, by what browsers say of them."""

import pytest

from s3edge.admin.origin import is_own_page, is_safe_name


@pytest.mark.parametrize(
    "origin,is_own",
    [
        ("http://edge:9090", True),
        ("https://EDGE:9090", True),
        ("http://edge", False),
        ("http://edge:9091", False),
        ("http://edge:9090.evil.example", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_a_page_is_our_own_if_it_was_loaded_under_the_same_host_and_port(origin: str, is_own: bool) -> None:
    assert is_own_page(origin, "edge:9090") is is_own


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:9090", "10.0.0.5:9090", "[::1]:9090", "[::ffff:10.0.0.5]:9090", "localhost",
        "LOCALHOST:80", "app.localhost:9090", "localhost.:9090", "edge:9090", "s3edge.svc:9090", "S3EDGE.svc.:9090", "",
    ],
)  # fmt: skip
def test_a_name_that_no_stranger_can_have_is_safe(host: str) -> None:
    assert is_safe_name(host, ["s3edge.svc"])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example",
        "evillocalhost.example", "s3edge.svc.evil.example", "x.s3edge.svc", "127.0.0.1@evil.example",
        "[::1", "[evil.example]",
    ],
)  # fmt: skip
def test_any_other_may_be_a_strangers(host: str) -> None:
    assert not is_safe_name(host, ["s3edge.svc"])
