"""What follows from the access key that a request claims, remembered: requests repeat few credentials."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from s3edge.http1.head import RequestHead
from s3edge.s3.sigv4 import claimed_access_key

Value = TypeVar("Value")

_AUTHORIZATION: Final = b"\nauthorization:"
_QUESTION_MARK: Final = ord("?")  # to look for a number is ten times as fast as for bytes
_CREDENTIAL: Final = b"Credential="
_END_OF_CREDENTIAL: Final = b"/aws4_request,"
# Claims that are remembered, each of some 100 bytes: ten times the clients of a large training cluster, each with a key
# of its own. A claim holds the day that it is good for, so all of them are forgotten sooner or later.
MOST_CLAIMS: Final = 10_000
# Bytes. The longest access key that a tenant may have makes a claim of less; clients may send claims of a whole head.
LONGEST_CLAIM: Final = 256


class Claims(Generic[Value]):
    """Says of a request what `judge` says of the access key that it claims, None if it claims no single one."""

    def __init__(self, judge: Callable[[str | None], Value]) -> None:
        self._judge = judge
        self._nothing = judge(None)
        self._known: dict[bytes, Value] = {}  # the beginning of an `Authorization` field -> what its key means

    def of(self, head: RequestHead) -> Value:
        """What the claim of a request means: 0.5 us for a credential that is known, 0.2 us without, else 4 us."""
        # Whatever could claim another key, a query, a second field or a second credential, is read with care. (To
        # search from the end takes half the time of a search from the front.)
        if _QUESTION_MARK in head.target:
            return self._read(head)
        raw, lower = head.raw, head.lower
        start = lower.rfind(_AUTHORIZATION)
        if start < 0:
            return self._nothing
        end = raw.rfind(_END_OF_CREDENTIAL)
        if end < start or raw.rfind(_CREDENTIAL, end) > 0 or lower.rfind(_AUTHORIZATION, 0, start) > 0:
            return self._read(head)
        claim = raw[start:end]
        return self._known[claim] if claim in self._known else self._read(head, claim)

    def _read(self, head: RequestHead, claim: bytes = b"") -> Value:
        # Some servers believe the first of two fields and some the last, so two claim nothing.
        key = claimed_access_key(head) if head.lower.count(_AUTHORIZATION) < 2 else None
        value = self._judge(key)
        # The key must be told by this part of the line alone, whatever may follow.
        if key is not None and len(claim) <= LONGEST_CLAIM and _CREDENTIAL in claim and b"\r" not in claim:
            if len(self._known) >= MOST_CLAIMS:
                self._known.clear()
            self._known[claim] = value
        return value
