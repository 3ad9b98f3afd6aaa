from configparser import ConfigParser
from pathlib import Path

from loadtests.matrix.clients.s3cmd import configuration, listed
from tests.loadtests.matrix.clients.endpoints import AUTHORITY, endpoint


def settings(text: str) -> dict[str, str]:
    parser = ConfigParser()
    parser.read_string(text)
    return dict(parser["DEFAULT"]) | dict(parser["default"])


def test_a_bucket_has_no_host_of_its_own(tmp_path: Path) -> None:
    told = settings(configuration(endpoint(tmp_path)))
    assert told["host_base"] == told["host_bucket"] == "127.0.0.1:9000"
    assert (told["use_https"], told["signurl_use_https"], told["ca_certs_file"]) == ("False", "False", "")
    assert told["multipart_chunk_size_mb"] == "5"


def test_tls_is_used_and_presigned_with_the_authority_that_is_given(tmp_path: Path) -> None:
    told = settings(configuration(endpoint(tmp_path, AUTHORITY)))
    assert (told["use_https"], told["signurl_use_https"]) == ("True", "True")
    assert told["ca_certs_file"] == "/authority.pem"


def test_keys_are_what_follows_the_bucket_whatever_is_in_them() -> None:
    lines = "2026-01-01 10:00         3  s3://bucket/a b\n2026-01-01 10:00        30  s3://bucket/s3://bucket/c\n"
    assert listed(lines, "bucket") == ["a b", "s3://bucket/c"]
    assert listed("", "bucket") == []
