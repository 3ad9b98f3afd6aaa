"""Who a request claims to come from, and what its signature covers; nothing here is verified.

A claim stands in one of four places: the `Authorization` field or the query, in Signature Version 4 (4A included) or
in Version 2. It stays a claim until a node accepts the signature. Servers differ in what they believe when there are
two places, a doubled parameter or a credential of unusual shape. Such a request claims nothing here, so that nobody can
sign with one key and be counted under another.
"""

import re
from collections.abc import Iterator
from typing import Final

from s3edge.s3.encoding import as_text, unescaped
from s3edge.s3.head import Head

_V2: Final = b"AWS"
_V4: Final = (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256")
# KEY/day/region/service/aws4_request; 4A is good for all regions and has no such part.
_CREDENTIAL_PARTS: Final = (5, 4)
_EVERY_AMZ_FIELD: Final = b"x-amz-*"
# Version 2 has no list of its own. It covers these, and not `range`.
_SIGNED_BY_V2: Final = (b"content-md5", b"content-type", b"date", _EVERY_AMZ_FIELD)

_PARAMETER: Final = re.compile(rb"([^&;=]*)=([^&;]*)")
# A presigned query is a password. All of x-amz-* but these is hidden, whatever Amazon adds; so is what the words below
# mark elsewhere, tokens and passwords of MinIO's STS among it. A continuation token opens nothing.
_HARMLESS: Final = (b"x-amz-algorithm", b"x-amz-date", b"x-amz-expires", b"x-amz-signedheaders", b"continuation-token")
_SECRET: Final = re.compile(rb"x-amz-|signature|token|password|secret")
# A whole presigned URL that is the value of something else.
_EMBEDDED: Final = re.compile(rb"signature=|token=")
_UNPRINTABLE: Final = re.compile(rb"[^!-~]")
_USERINFO: Final = re.compile(rb"^([^/?]*//)[^/?]*@")


def claimed_access_key(head: Head) -> str | None:
    """The access key that the request claims to be signed with; None if there is none, or no single one."""
    authorization = head.header(b"authorization")
    claims = [] if authorization is None else [_key_of_authorization(authorization)]
    if b"?" in head.target:
        claims += _claims_of_query(head.target)
    return claims[0] if len(claims) == 1 else None


def signed_headers(head: Head) -> frozenset[bytes]:
    """The lower-case names of the fields that the signature covers.

    For Version 2, which covers fields by rule, `x-amz-*` stands for all that begin so.
    """
    names: list[bytes] = []
    authorization = head.header(b"authorization")
    if authorization is not None:
        scheme, _, rest = authorization.partition(b" ")
        names += _SIGNED_BY_V2 if scheme == _V2 else _listed(_field(rest, b"SignedHeaders="))
    for name, value in _parameters(head.target):
        if name == b"AWSAccessKeyId":
            names += _SIGNED_BY_V2
        elif name == b"X-Amz-SignedHeaders":
            names += _listed(unescaped(value))
    return frozenset(names)


def is_header_signed(head: Head, name: bytes) -> bool:
    """Whether the signature covers the field `name` (lower case), so that it can be neither changed nor added."""
    signed = signed_headers(head)
    return name in signed or (_EVERY_AMZ_FIELD in signed and name.startswith(b"x-amz-"))


def redacted(target: bytes) -> str:
    """`target` for people and logs, printable: `-` stands for each secret of its query.

    Access keys stay, since they name the tenant; the rest of a credential goes, and so does a user in an absolute form.
    """
    path, mark, query = _USERINFO.sub(rb"\1", target).partition(b"?")
    shown = path + mark + _PARAMETER.sub(_redacted_parameter, query)
    return _UNPRINTABLE.sub(lambda match: b"\\x%02x" % ord(match[0]), shown).decode("ascii")


def _claims_of_query(target: bytes) -> Iterator[str | None]:
    """One item for each parameter that claims a key; None where not all servers would read the same."""
    for name, value in _parameters(target):
        if name == b"X-Amz-Credential":
            yield _key_of_credential(unescaped(value))
        elif name == b"AWSAccessKeyId":
            yield as_text(unescaped(value)) or None


def _key_of_authorization(value: bytes) -> str | None:
    scheme, _, rest = value.partition(b" ")
    if scheme in _V4:
        return _key_of_credential(_field(rest, b"Credential="))
    if scheme == _V2:
        return as_text(rest.strip().rpartition(b":")[0]) or None
    return None


def _key_of_credential(credential: bytes) -> str | None:
    parts = credential.split(b"/")
    if len(parts) not in _CREDENTIAL_PARTS or parts[-1] != b"aws4_request":
        return None
    return as_text(parts[0]) or None


def _field(rest: bytes, prefix: bytes) -> bytes:
    """What follows `prefix` in the comma-separated fields of `Authorization`; empty unless it is there once."""
    before, _, after = rest.partition(prefix)
    if prefix in after or before.strip()[-1:] not in (b"", b","):
        return b""
    return after.partition(b",")[0].strip()


def _parameters(target: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names, decoded, and values, as sent, of the query."""
    query = target.partition(b"?")[2]
    if query:
        for parameter in query.split(b"&"):
            name, _, value = parameter.partition(b"=")
            yield unescaped(name), value


def _listed(names: bytes) -> list[bytes]:
    return [name for name in names.lower().split(b";") if name]


def _redacted_parameter(match: re.Match[bytes]) -> bytes:
    name = unescaped(match[1]).lower()
    if name in _HARMLESS or not _SECRET.search(name):
        return match[1] + b"=-" if _EMBEDDED.search(unescaped(match[2]).lower()) else match[0]
    if name == b"x-amz-credential":
        return match[1] + b"=" + re.split(rb"/|%2f", match[2], maxsplit=1, flags=re.IGNORECASE)[0]
    return match[1] + b"=-"
