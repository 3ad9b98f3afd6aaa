"""Request heads as botocore signs them, and a node's view of the signature."""

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3edge.http1.head import RequestHead, parse_request
from s3edge.s3.sigv4 import signed_headers

HOST = "node:9000"
_AUTH = S3SigV4Auth(Credentials("AKRAG", "secret"), "s3", "us-east-1")
_QUERY_AUTH = S3SigV4QueryAuth(Credentials("AKRAG", "secret"), "s3", "us-east-1", expires=3600)


def head_of(target: str = "/bucket/key", **fields: str) -> RequestHead:
    """A head without a signature; `_` in the name of a field stands for `-`."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}", *(f"{_name(name)}: {value}" for name, value in fields.items())]
    return parse_request("".join(f"{line}\r\n" for line in [*lines, ""]).encode())


def signed(target: str = "/bucket/key", **fields: str) -> RequestHead:
    """A head with a signature in a field: botocore signs each field that it is given."""
    request = AWSRequest("GET", f"http://{HOST}{target}", {_name(name): value for name, value in fields.items()})
    _AUTH.add_auth(request)
    return head_of(target, **{name.replace("-", "_"): value for name, value in request.headers.items()})


def presigned(target: str = "/bucket/key", **fields: str) -> RequestHead:
    """A head with a signature in the query, which covers the host; `fields` come on top, unsigned."""
    request = AWSRequest("GET", f"http://{HOST}{target}")
    _QUERY_AUTH.add_auth(request)
    return head_of(request.url.removeprefix(f"http://{HOST}"), **fields)


def is_accepted(raw: bytes) -> bool:
    """Whether a node would accept the signature in the head `raw`, that of `signed`."""
    head = parse_request(raw)
    covered = {name.decode(): (head.header(name) or b"").decode() for name in signed_headers(head)}
    request = AWSRequest("GET", f"http://{HOST}{head.target.decode()}", covered)
    request.context["timestamp"] = covered["x-amz-date"]
    signature = _AUTH.signature(_AUTH.string_to_sign(request, _AUTH.canonical_request(request)), request)
    return (head.header(b"authorization") or b"").endswith(b"Signature=" + signature.encode())


def _name(name: str) -> str:
    return name.replace("_", "-")
