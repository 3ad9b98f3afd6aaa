"""Who a client says it is, as the access log tells it: access key and user agent, remembered with its connection."""

from typing import Final, NamedTuple

from s3edge.http1.head import RequestHead
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.identity import AUTHORIZATION, END_OF_CREDENTIAL, QUESTION_MARK, claimed_key
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
# Of a head whose words cannot be known again by their places.
_NEVER: Final = -1


class Introduction(NamedTuple):
    """What a head said of its client, as fields of a line, and where it stood, from the end of the request line.

    A later head of the same `size` that has the same `agent` and the same `claim` there says the same; an empty claim
    stands for none. (One who puts a second claim in place of another field of the same length misleads nobody: a node
    believes signatures.) With `is_traced` it has a trace id too, which is another one each time.
    """

    text: str
    size: int
    agent: bytes
    agent_at: int
    claim: bytes
    claim_at: int
    is_traced: bool


def introduced(client: ClientConnection, head: RequestHead) -> str:
    """The fields `client`, `access_key`, `user_agent` and `trace_id`: 0.4 us if they are known again, else 4 us."""
    said, raw = client.introduction, head.raw
    line = len(head.method) + len(head.target)
    if (
        said is None
        or said.size != len(raw) - line
        or not raw.startswith(said.agent, line + said.agent_at)
        or not raw.startswith(said.claim, line + said.claim_at)
        or QUESTION_MARK in head.target  # there, too, a key can be claimed
        or not (said.claim or head.lower.rfind(AUTHORIZATION) < 0)
    ):
        said = client.introduction = _meet(client, head, line)
    return said.text + _trace_id(head) if said.is_traced else said.text


def _meet(client: ClientConnection, head: RequestHead, line: int) -> Introduction:
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
    is_known_again = (
        QUESTION_MARK not in head.target
        and len(agent) + len(claim) <= MOST_REMEMBERED
        and (claim_at < 0 or (key is not None and claim.endswith(END_OF_CREDENTIAL) and _CR not in claim))
    )
    if not is_known_again:
        return Introduction(text, _NEVER, b"", 0, b"", 0, is_traced=_TRACE in lower)
    places = max(agent_at, line) - line, max(claim_at, line) - line
    return Introduction(text, len(raw) - line, agent, places[0], claim, places[1], is_traced=_TRACE in lower)


def _trace_id(head: RequestHead) -> str:
    start = head.lower.find(_TRACE)
    if start < 0:
        return ""
    start += len(_TRACE)
    return f',"trace_id":{quoted(head.lower[start : start + _TRACE_DIGITS], _TRACE_DIGITS)}'
