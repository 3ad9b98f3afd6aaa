"""botocore's S3 client as an oracle: its operations, and the requests that it would send for them."""

from typing import Any
from urllib.parse import urlsplit

import botocore.config
import botocore.session

from tests.s3.heads import FakeHead

PATH_STYLE = "http://127.0.0.1:9000"
BASE_NAME = b"s3.example.com"
VIRTUAL_HOST = "http://s3.example.com:9000"


class _CapturedError(Exception):
    """Ends a call where the request would have gone out."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


class Model:
    """The operations of one client; `endpoint_url` decides the style of addressing."""

    def __init__(self, endpoint_url: str) -> None:
        style = "path" if endpoint_url == PATH_STYLE else "virtual"
        config = botocore.config.Config(
            s3={"addressing_style": style}, retries={"max_attempts": 0}, parameter_validation=False
        )
        self._client = botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=endpoint_url,
            aws_access_key_id="AKRAG",
            aws_secret_access_key="secret",
            config=config,
        )
        self._client.meta.events.register("before-send.s3", _capture)
        self._methods: dict[str, str] = {api: name for name, api in self._client.meta.method_to_api_mapping.items()}
        self.operations = {name: self._client.meta.service_model.operation_model(name) for name in self._methods}

    def request(self, name: str, *, with_query: bool) -> FakeHead:
        """The head of a request for the operation `name`, by option with every query parameter that it knows."""
        shape = self.operations[name].input_shape
        try:
            getattr(self._client, self._methods[name])(**_arguments(shape, with_query=with_query))
        except _CapturedError as captured:
            return _head(captured.request)
        raise AssertionError(f"{name} sent nothing")


def _capture(request: Any, **_: Any) -> None:
    raise _CapturedError(request)


def _head(request: Any) -> FakeHead:
    url = urlsplit(request.url)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    fields = {name.lower().encode(): _bytes(value) for name, value in request.headers.items()}
    return FakeHead(request.method.encode(), target.encode(), {b"host": url.netloc.encode(), **fields})


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _arguments(shape: Any, *, with_query: bool) -> dict[str, Any]:
    if shape is None:
        return {}
    wanted = set(shape.required_members)
    if with_query:
        wanted |= {name for name, member in shape.members.items() if location(member) == "querystring"}
    return {name: _value(name, shape.members[name]) for name in wanted}


def location(member: Any) -> str | None:
    """Where a member of a request or an answer travels: header, querystring, uri ...; None means in the body."""
    where: str | None = member.serialization.get("location")
    return where


def _value(name: str, shape: Any) -> Any:
    if name in ("CopySource", "RenameSource"):
        return "/bucket/source"
    match shape.type_name:
        case "structure":
            return {member: _value(member, shape.members[member]) for member in shape.required_members}
        case "list":
            return [_value(name, shape.member)]
        case "integer" | "long":
            return 1
        case "timestamp":
            return "2026-01-01T00:00:00Z"
        case _:
            return name.lower()
