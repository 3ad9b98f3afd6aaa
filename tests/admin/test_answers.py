"""What every answer of the admin server says to browsers, and how refusals look."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from s3edge.admin.answers import secure
from tests.admin.visit import Answer, Visitor, example, routes, visited
from tests.support.observed import AUTHORIZED, QuietEdge
from tests.support.virtual_time import run

HARDENED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "s3edge",
}
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"


def check(answer: Answer) -> None:
    """That an answer is hardened, and shared with no other site."""
    assert HARDENED.items() <= answer.headers.items()
    assert answer.headers["Content-Security-Policy"]
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("method,path", routes())
def test_every_route_tells_browsers_what_to_keep_from(method: str, path: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        for headers in (AUTHORIZED, {"Origin": "http://evil.example"}, {"Accept": "text/event-stream"}):
            answer = await visitor.ask(method, example(path), is_head_only=True, headers=headers)
            check(answer)
            if path.startswith(("/api/", "/metrics", "/-/")):
                assert answer.headers["Content-Security-Policy"] == NO_PAGE
                assert answer.headers["Cache-Control"] == "no-store"

    visited(QuietEdge(), scenario)


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/nodes", "/api/v1/nodes/n1:9000/drain", "/nothing"])
def test_a_browser_that_asks_for_another_site_whether_it_may_is_told_nothing(path: str) -> None:
    preflight = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }

    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.ask("OPTIONS", path, headers=preflight)
        assert answer.status in (404, 405)
        check(answer)

    visited(QuietEdge(), scenario)


@pytest.mark.parametrize("path", ["/api", "/api/v1/node", "/metrics/", "//metrics", "/-/", "/api/v1/nodes/x/y/drain"])
def test_a_path_that_does_not_exist_names_those_that_do(path: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.ask("GET", path)
        error = json.loads(answer.text or "")["error"]
        assert (answer.status, error.partition("; there are ")[0]) == (404, f"nothing is at {path!r}")
        assert error.partition("; there are ")[2].split(", ") == sorted({path for _, path in routes()})
        check(answer)

    visited(QuietEdge(), scenario)


@pytest.mark.parametrize(
    "method,path,allow", [("GET", "/api/v1/nodes/n1/drain", "POST"), ("DELETE", "/api/v1/nodes", "GET,HEAD")]
)
def test_a_method_that_is_not_for_a_path_is_told_which_are(method: str, path: str, allow: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.ask(method, path, headers=AUTHORIZED)
        assert (answer.status, answer.headers["Allow"]) == (405, allow)
        allowed = allow.replace(",", ", ")
        assert json.loads(answer.text or "") == {"error": f"{method!r} is not for this path; allowed: {allowed}"}

    visited(QuietEdge(), scenario)


@pytest.mark.parametrize(
    "method,path,request_,status",
    [
        ("GET", "/api/v1/events?since=x", {}, 400),
        ("POST", "/api/v1/nodes/zebra/drain", {}, 404),
        ("POST", "/api/v1/tenants/default/pin", {"data": b"x" * 16385}, 413),
        ("POST", "/api/v1/tenants/default/pin", {"data": b"{"}, 400),
        ("POST", "/api/v1/tenants/default/pin", {"headers": {"Authorization": "Bearer x"}}, 401),
        ("GET", "/metrics", {"headers": {"Host": "evil.example"}}, 401),
    ],
)
def test_a_refusal_is_json_with_a_reason(method: str, path: str, request_: dict[str, Any], status: int) -> None:
    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.ask(method, path, **{"headers": AUTHORIZED, **request_})
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json; charset=utf-8")
        shown = json.loads(answer.text or "")
        assert list(shown) == ["error"]
        assert len(shown["error"]) > 10
        check(answer)

    visited(QuietEdge(), scenario)


def test_what_an_answer_says_itself_is_left_as_it_is() -> None:
    async def main() -> None:
        own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "no-cache"}
        response = web.Response(headers=own)
        await secure(make_mocked_request("GET", "/"), response)
        assert {**HARDENED, **own}.items() <= response.headers.items()

    run(main())


def test_files_of_the_page_may_be_kept_by_browsers() -> None:
    async def main() -> None:
        response = web.Response()
        await secure(make_mocked_request("GET", "/static/page.js"), response)
        assert "Cache-Control" not in response.headers

    run(main())
