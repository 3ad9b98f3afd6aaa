from pathlib import Path

from loadtests.matrix.clients.boto3 import settings
from tests.loadtests.matrix.clients.endpoints import AUTHORITY, endpoint


def test_a_client_is_told_where_it_connects_and_as_whom_and_no_more(tmp_path: Path) -> None:
    assert settings(endpoint(tmp_path)) == {
        "endpoint_url": "http://127.0.0.1:9000",
        "aws_access_key_id": "access",
        "aws_secret_access_key": "it's secret",
        "region_name": "us-east-1",
        "verify": None,
    }


def test_tls_is_checked_against_the_authority(tmp_path: Path) -> None:
    told = settings(endpoint(tmp_path, AUTHORITY))
    assert (told["endpoint_url"], told["verify"]) == ("https://127.0.0.1:9443", "/authority.pem")
