"""Who a client says it is, as the access log tells it: access key and user agent, remembered with its connection."""

from typing import Final

from s3edge.http1.head import RequestHead
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.identity import AUTHORIZATION, END_OF_CREDENTIAL, QUESTION_MARK, claimed_key
from s3edge.routing.table import Plan
from s3edge.s3.operation import Operation
from s3edge.telemetry.printable import quoted

LONGEST_AGENT: Final = 192
LONGEST_ACCESS_KEY: Final = 128

_AGENT: Final = b"\nuser-agent:"
# The only version there is (W3C Trace Context, section 3.2), then 32 hexadecimal digits.
_TRACE: Final = b"\ntraceparent: 00-"
_TRACE_DIGITS: Final = 32
_CR: Final = b"\r"
_BLANKS: Final = b" \t\r"
# Bytes of what a connection remembers, beside its text; an SDK says half as much.
MOST_REMEMBERED: Final = 1024
# The size of a head whose words cannot be known again by their places.
_NEVER: Final = -1


class Introduction:
    """What a head said of its client, as fields of a line, and where it stood, from the end of the request line.

    A later head of the same `size` that has the same `agent` and the same `claim` there says the same; an empty claim
    stands for none. (One who puts a second claim in place of another field of the same length misleads nobody: a node
    believes signatures.) With `is_traced` it has a trace id too, which is another one each time.

    `text` are the fields `client`, `access_key` and `user_agent`. Clients ask for the like again and again: `asked` are
    the fields that say what the last request asked for, which had `plan`, `tenant`, `method`, `operation` and `bucket`.
    """

    __slots__ = (
        *("agent", "agent_at", "claim", "claim_at", "is_traced", "size", "text"),
        *("asked", "bucket", "method", "operation", "plan", "tenant"),
    )
    asked: str
    bucket: str
    method: bytes
    operation: Operation
    tenant: str

    def __init__(self, text: str, is_traced: bool) -> None:
        self.text = text
        self.is_traced = is_traced
        self.size = _NEVER
        self.agent = self.claim = b""
        self.agent_at = self.claim_at = 0
        self.plan: Plan | None = None


def introduced(client: ClientConnection, head: RequestHead) -> Introduction:
    """What `head` says of its client: 0.3 us if that is known, else 4 us."""
    said, raw, target = client.introduction, head.raw, head.target
    line = len(head.method) + len(target)
    if (
        said is None
        or said.size != len(raw) - line
        or not raw.startswith(said.agent, line + said.agent_at)
        or not raw.startswith(said.claim, line + said.claim_at)
        or QUESTION_MARK in target  # there, too, a key can be claimed
        or not (said.claim or head.lower.rfind(AUTHORIZATION) < 0)
    ):
        said = client.introduction = _meet(client, head)
    return said


def _meet(client: ClientConnection, head: RequestHead) -> Introduction:
    raw, lower = head.raw, head.lower
    text = f',"client":"{client.address}"'
    key = claimed_key(head)
    if key is not None:
        text += f',"access_key":{quoted(key.encode("utf-8", "surrogateescape"), LONGEST_ACCESS_KEY)}'
    agent, agent_at = b"", lower.find(_AGENT)
    if agent_at >= 0:
        agent = raw[agent_at : raw.index(_CR, agent_at) + 1]
        value = agent[len(_AGENT) :].strip(_BLANKS)
        text += f',"user_agent":{quoted(value, LONGEST_AGENT)}'
    claim, claim_at = b"", lower.rfind(AUTHORIZATION)
    if claim_at >= 0:
        claim = raw[claim_at : raw.find(END_OF_CREDENTIAL, claim_at) + len(END_OF_CREDENTIAL)]
    said = Introduction(text, is_traced=_TRACE in lower)
    if (
        QUESTION_MARK not in head.target
        and len(agent) + len(claim) <= MOST_REMEMBERED
        and (claim_at < 0 or (key is not None and claim.endswith(END_OF_CREDENTIAL) and _CR not in claim))
    ):
        line = len(head.method) + len(head.target)
        said.size = len(raw) - line
        said.agent, said.agent_at = agent, max(agent_at, line) - line
        said.claim, said.claim_at = claim, max(claim_at, line) - line
    return said


def trace_id(head: RequestHead) -> str:
    """The field `trace_id`, if the head has one; it is another one each time."""
    start = head.lower.find(_TRACE)
    if start < 0:
        return ""
    start += len(_TRACE)
    return f',"trace_id":{quoted(head.lower[start : start + _TRACE_DIGITS], _TRACE_DIGITS)}'
