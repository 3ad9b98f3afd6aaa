from configparser import ConfigParser

from loadtests.matrix.clients.aws_cli import configuration


def test_objects_move_in_parts_by_the_transfer_client_that_is_wanted() -> None:
    parser = ConfigParser()
    parser.read_string(configuration("crt"))
    told = dict(line.split(" = ") for line in parser["default"]["s3"].split("\n") if line)
    assert told == {
        "addressing_style": "path",
        "multipart_threshold": "5242880",
        "multipart_chunksize": "5242880",
        "preferred_transfer_client": "crt",
    }
