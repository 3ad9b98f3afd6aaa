"""Who may do what: every route that there is, with each token, under each protection."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import s3edge
from s3edge.admin.access import MOST_WRONG, WRONG_PERIOD, Access, WrongTokens
from s3edge.config.admin import Admin
from tests.admin.visit import Visitor, example, routes, visited
from tests.support.edge import config_for
from tests.support.observed import AUTHORIZED, TOKEN, QuietEdge

# What holds nobody's data. All other routes are to be protected, those too that are yet to come.
OPEN = {"/", "/-/healthy", "/-/ready"}
WRONG: list[dict[str, str]] = [
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN.upper()}"},
    {"Authorization": "Bearer ÿ\u2603"},
    {"Authorization": "Bearer " + "x" * 8000},
]
MISSING: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Cookie": f"token={TOKEN}"},
]
NO_TOKEN = "none is set: set admin.token or the environment variable S3EDGE_ADMIN_TOKEN"
PIN = "/api/v1/tenants/default/pin?rate=1/s"


class Edge(QuietEdge):
    """An s3edge whose admin address is configured so."""

    def __init__(self, **admin: Any) -> None:
        super().__init__()
        self.config = config_for(("n1", 9000), admin=admin)


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static")


def is_change(method: str) -> bool:
    return method not in ("GET", "HEAD", "OPTIONS")


def expected(method: str, path: str, edge: Edge, headers: dict[str, str]) -> set[int]:
    """With which statuses this is refused; none: it is let through."""
    admin = edge.config.admin
    if not (is_change(method) or (admin.protect == "all" and not is_open(path))):
        return set()
    if admin.token is None:
        return {403}
    return set() if headers == AUTHORIZED else {401}


@pytest.mark.parametrize("method,path", routes())
@pytest.mark.parametrize("protect", ["changes", "all"])
@pytest.mark.parametrize("token", [{}, {"token": TOKEN}], ids=["no token", "token"])
def test_every_route_lets_through_whom_it_should_and_nobody_else(
    method: str, path: str, protect: str, token: dict[str, str]
) -> None:
    edge = Edge(protect=protect, **token)

    async def scenario(visitor: Visitor) -> None:
        for headers in (*MISSING, *WRONG, AUTHORIZED):
            answer = await visitor.ask(method, example(path), is_head_only=True, headers=headers)
            refused = {answer.status} & {401, 403, 429}
            assert refused == expected(method, path, edge, headers), headers

    visited(edge, scenario)


def test_the_table_of_routes_has_reading_changing_and_open_ones() -> None:
    kinds = {(is_change(method), is_open(path)) for method, path in routes()}
    assert kinds == {(False, False), (False, True), (True, False)}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/-/ready", "/api/v1/nodes", "/nothing"])
def test_no_method_but_reading_ones_gets_past_without_the_token(method: str, path: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask(method, path)).status == 401

    visited(Edge(token=TOKEN), scenario)


def test_without_a_token_a_change_says_how_to_set_one() -> None:
    async def scenario(visitor: Visitor) -> None:
        for headers in ({}, AUTHORIZED):
            answer = await visitor.ask("POST", PIN, headers=headers)
            assert (answer.status, json.loads(answer.text or "")) == (
                403,
                {"error": f"changes need the token, and {NO_TOKEN}"},
            )
        assert visitor.site.access.changes == "off"

    edge = Edge()
    visited(edge, scenario)
    assert edge.sources.told == []


def test_a_missing_and_a_wrong_token_are_told_apart_and_challenged() -> None:
    async def scenario(visitor: Visitor) -> None:
        missing, wrong = await visitor.ask("POST", PIN), await visitor.ask("POST", PIN, headers=WRONG[0])
        assert (missing.status, missing.headers["WWW-Authenticate"]) == (401, 'Bearer realm="s3edge"')
        assert json.loads(missing.text or "") == {
            "error": "changes need the token: send it in the field Authorization: Bearer TOKEN"
        }
        assert (wrong.status, wrong.headers["WWW-Authenticate"]) == (
            401,
            'Bearer realm="s3edge", error="invalid_token"',
        )
        assert json.loads(wrong.text or "") == {"error": "the token is wrong"}
        assert visitor.site.access.changes == "token"

    edge = Edge(token=TOKEN)
    visited(edge, scenario)
    assert edge.sources.told == []


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_is_written_as_http_allows(scheme: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask("POST", PIN, headers={"Authorization": scheme + TOKEN})).status == 200

    visited(Edge(token=TOKEN), scenario)


def test_a_new_token_holds_from_the_next_request_on() -> None:
    edge = Edge(token=TOKEN)

    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask("POST", PIN, headers=AUTHORIZED)).status == 200
        edge.config = config_for(("n1", 9000), admin={"token": "another-one-for-tests"})
        assert (await visitor.ask("POST", PIN, headers=AUTHORIZED)).status == 401
        edge.config = config_for(("n1", 9000))
        assert (await visitor.ask("POST", PIN, headers=AUTHORIZED)).status == 403

    visited(edge, scenario)


def test_after_ten_wrong_tokens_wrong_ones_are_told_to_wait_and_the_right_one_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(visitor: Visitor) -> None:
        for _ in range(MOST_WRONG):
            assert (await visitor.ask("POST", PIN, headers=WRONG[0])).status == 401
        for _ in range(3):
            answer = await visitor.ask("POST", PIN, headers=WRONG[0])
            assert (answer.status, answer.headers["Retry-After"]) == (429, f"{WRONG_PERIOD:.0f}")
        assert (await visitor.ask("POST", PIN)).status == 401
        assert (await visitor.ask("POST", PIN, headers=AUTHORIZED)).status == 200

    visited(Edge(token=TOKEN), scenario)
    assert [record.getMessage() for record in caplog.records] == [
        *["127.0.0.1 sent a wrong admin token"] * MOST_WRONG,
        "wrong admin tokens in a minute: more than 10; the last came from 127.0.0.1",
    ]


def test_wrong_tokens_are_counted_by_periods() -> None:
    wrong = WrongTokens()
    assert [wrong.add(now) for now in (5.0, 5.5, 64.9)] == [1, 2, 3]
    assert wrong.left(64.9) == 1
    assert [wrong.add(now) for now in (65.0, 66.0)] == [1, 2]
    assert wrong.left(66.0) == 59


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_may_not_change_anything_even_with_the_token_nor_use_up_guesses(origin: str) -> None:
    async def scenario(visitor: Visitor) -> None:
        for headers in (AUTHORIZED, *[WRONG[0]] * (MOST_WRONG + 1)):
            answer = await visitor.ask("POST", PIN, headers={**headers, "Origin": origin})
            assert (answer.status, "may not do this here" in (answer.text or "")) == (403, True)
        assert (await visitor.ask("POST", PIN, headers=WRONG[0])).status == 401

    edge = Edge(token=TOKEN)
    visited(edge, scenario)
    assert edge.sources.told == []


@pytest.mark.parametrize(
    "host,status",
    [("127.0.0.1:9090", 200), ("localhost", 200), ("edge:9090", 200), ("edge.example.com", 200), ("evil.example", 401)],
)
def test_under_a_name_that_may_be_anybodys_reading_needs_the_token(host: str, status: int) -> None:
    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask("GET", "/metrics", headers={"Host": host})).status == status
        assert (await visitor.ask("GET", "/metrics", headers={"Host": host, **AUTHORIZED})).status == 200
        assert (await visitor.ask("GET", "/-/ready", headers={"Host": host})).status == 200

    visited(Edge(token=TOKEN, hosts=["edge.example.com"]), scenario)


def test_the_name_in_the_admin_address_is_the_operators_own() -> None:
    async def scenario(visitor: Visitor) -> None:
        assert (await visitor.ask("GET", "/metrics", headers={"Host": "s3edge.example.com:9090"})).status == 200

    visited(Edge(token=TOKEN, address="s3edge.example.com:9090"), scenario)


def test_a_request_without_a_host_comes_from_no_browser() -> None:
    async def scenario(visitor: Visitor) -> None:
        answer = await visitor.send(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 200 ")

    visited(Edge(), scenario)


def test_the_token_is_only_ever_compared_and_in_constant_time() -> None:
    calls = [
        ast.unparse(node)
        for path in Path(s3edge.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and "token.get_secret_value" in ast.unparse(node)
    ]
    compared = "hmac.compare_digest(given, admin.token.get_secret_value().encode())"
    assert calls[0] == compared
    assert all(call in compared for call in calls), "the rest are parts of it"


def test_access_asks_for_the_configuration_of_the_moment() -> None:
    admins = [Admin(), Admin.model_validate({"token": TOKEN})]
    access = Access(admins.pop)
    assert (access.changes, access.changes) == ("token", "off")
