from pathlib import Path

from loadtests.matrix.clients.rclone import variables
from tests.loadtests.matrix.clients.endpoints import AUTHORITY, endpoint


def test_the_remote_is_described_by_variables_alone(tmp_path: Path) -> None:
    told = variables(endpoint(tmp_path))
    assert told["RCLONE_CONFIG_S3_ENDPOINT"] == "http://127.0.0.1:9000"
    assert told["RCLONE_CONFIG_S3_SECRET_ACCESS_KEY"] == "it's secret"
    assert told["RCLONE_CONFIG_S3_FORCE_PATH_STYLE"] == "true"
    assert told["RCLONE_CONFIG_S3_CHUNK_SIZE"] == told["RCLONE_CONFIG_S3_UPLOAD_CUTOFF"] == "5242880B"
    assert "RCLONE_CA_CERT" not in told


def test_the_authority_is_rclones_and_not_that_of_the_aws_sdk(tmp_path: Path) -> None:
    told = variables(endpoint(tmp_path, AUTHORITY))
    assert (told["RCLONE_CA_CERT"], told["AWS_CA_BUNDLE"]) == ("/authority.pem", "")
