"""What a request asks of S3: operation, bucket and key, from its head alone.

Bucket and key are for understanding (policies, logs, placement), never for forwarding. The path is decoded once and
then split at its first slash, as Ceph does; servers that split first answer 400 where that makes a difference, since no
bucket has a slash in its name. Nothing is merged or resolved: `a//b`, `a/./b` and `a/../b` are three keys.
"""

from dataclasses import dataclass
from typing import Final

from s3edge.s3.encoding import as_text, unescaped
from s3edge.s3.head import Head
from s3edge.s3.operation import TRAITS, Operation
from s3edge.s3.payload import PayloadKind, payload_kind
from s3edge.s3.ranges import ByteRange, SuffixRange, parse_range
from s3edge.s3.subresources import operation_of

# All fields of the API that let a request depend on what is stored (a test compares them with botocore's model). A
# copy's conditions matter, too: an object copied onto itself, the way to change its metadata, no longer meets them. An
# append names the length that it expects.
_CONDITIONS: Final = (
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"x-amz-write-offset-bytes",
    b"x-amz-if-match-initiated-time",
    b"x-amz-if-match-last-modified-time",
    b"x-amz-if-match-size",
    b"x-amz-object-if-match",
    b"x-amz-copy-source-if-match",
    b"x-amz-copy-source-if-none-match",
    b"x-amz-copy-source-if-modified-since",
    b"x-amz-copy-source-if-unmodified-since",
    b"x-amz-rename-source-if-match",
    b"x-amz-rename-source-if-none-match",
    b"x-amz-rename-source-if-modified-since",
    b"x-amz-rename-source-if-unmodified-since",
)
# Of a name in DNS, in bytes (RFC 1035, section 2.3.4); it bounds the search for the bucket.
_LONGEST_NAME: Final = 255
_PERCENT: Final = ord("%")  # CPython finds a number ten times as fast as a byte string


@dataclass(slots=True, eq=False)
class S3Request:
    """An understood request. `bucket` and `key` are empty above their level; see `encoding` for what is not UTF-8.

    What not every request needs is read off when it is asked for; `raw_key` is the key in bytes, unescaped.
    """

    operation: Operation
    bucket: str
    raw_key: bytes
    head: Head

    @property
    def key(self) -> str:
        """The key of the object."""
        return as_text(self.raw_key)

    @property
    def range(self) -> ByteRange | SuffixRange | None:
        """The one range of bytes that the client wants; None if it wants all, several, or none that we understand."""
        value = self.head.header(b"range")
        return None if value is None else parse_range(value)

    @property
    def is_conditional(self) -> bool:
        """Whether a condition in the head decides if the request is carried out."""
        return is_conditional(self.head)

    @property
    def is_replayable(self) -> bool:
        """Whether the request may be sent again although a node may have carried it out."""
        return is_replayable(self.operation, self.head)

    @property
    def payload_kind(self) -> PayloadKind:
        """How the body is signed and coded."""
        return payload_kind(self.head)


def understand(head: Head, hosts: tuple[bytes, ...]) -> S3Request:
    """Name the operation, bucket and key of a request.

    `hosts` are the base names of virtual-host addressing, lower case and without a port; with none, every request is
    path-style. A target in absolute form counts by its path: the head's parser has compared its authority with `Host`.
    """
    target = head.target
    if target[:1] != b"/":
        target = _origin_form(target)
    path, _, query = target.partition(b"?")
    if _PERCENT in path:
        path = unescaped(path)
    bucket = bucket_of_host(head.header(b"host") or b"", hosts) if hosts else b""
    if bucket:
        key = path[1:]
    else:
        bucket, _, key = path[1:].partition(b"/")
    return S3Request(operation_of(head.method, bucket, key, query, head.header), as_text(bucket), key, head)


def bucket_of_host(host: bytes, hosts: tuple[bytes, ...]) -> bytes:
    """The bucket that a `Host` value names before one of the base names `hosts`; empty if it names none.

    Of two base names that fit, the longer counts. An IP address names no bucket.
    """
    name = host.lower().partition(b":")[0].removesuffix(b".")
    if name in hosts or len(name) > _LONGEST_NAME or name.rpartition(b".")[2].isdigit():
        return b""
    dot = name.find(b".")
    while dot > 0:
        if name[dot + 1 :] in hosts:
            return name[:dot]
        dot = name.find(b".", dot + 1)
    return b""


def is_conditional(head: Head) -> bool:
    """Whether a condition in the head decides if the request is carried out."""
    return any(head.header(name) is not None for name in _CONDITIONS)


def is_replayable(operation: Operation, head: Head) -> bool:
    """Whether the request may be sent again although a node may have carried it out.

    A conditional read may; a conditional write may not, since the first sending can be what makes the second fail.
    """
    traits = TRAITS[operation]
    return traits.idempotent and (traits.hedgeable or not is_conditional(head))


def _origin_form(target: bytes) -> bytes:
    """The path and query of a target in absolute form; of `*`, which names no object, the root."""
    rest = target.partition(b"://")[2]
    authority, slash, path = rest.partition(b"/")
    if b"?" in authority:
        return b"/?" + rest.partition(b"?")[2]
    return slash + path or b"/"
