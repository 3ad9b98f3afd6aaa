"""The errors of s3edge: whose fault it is, and what to answer."""

from enum import StrEnum
from typing import Final

SLOW_DOWN: Final = "SlowDown"
"""The code by which S3 asks a client for fewer requests."""


class StartError(Exception):
    """s3edge cannot start or reload: one line for the operator that says what was found and what to do."""


class Origin(StrEnum):
    """Who caused an error."""

    CLIENT = "client"
    NODE = "node"
    EDGE = "edge"


class EdgeError(Exception):
    """A request that ends without a node's answer.

    `status` is the HTTP status and `code` the S3 error code that the client gets; `message` is for people. With
    `ends_connection` the client's connection closes after the answer.
    """

    ends_connection = False

    def __init__(self, origin: Origin, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.origin = origin
        self.status = status
        self.code = code
        self.message = message


class ClientError(EdgeError):
    """The client sent what s3edge does not forward; its connection is closed after the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(Origin.CLIENT, status, code, message)


class NodeError(EdgeError):
    """A node refused, broke or never gave its answer.

    S3 has 500 and 503 for what is worth another try, no 502 and 504, and clients that are built on AWS's Common Runtime
    give up on those. The code tells them apart.
    """

    def __init__(self, code: str, message: str, *, status: int = 500) -> None:
        super().__init__(Origin.NODE, status, code, message)


class Overloaded(EdgeError):
    """s3edge itself cannot take the request now."""

    def __init__(self, message: str, *, code: str = "ServiceUnavailable") -> None:
        super().__init__(Origin.EDGE, 503, code, message)
