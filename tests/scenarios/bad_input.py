"""Requests that must not get through: what the client sends, and the status it is answered with.

What llhttp, h11, nginx and HAProxy do with each of these differs, which is what smuggling lives on.
"""

import random
from typing import Final, NamedTuple

from tests.scenarios.scene import GET


class Bad(NamedTuple):
    """What a client sends and how it is refused."""

    data: bytes
    status: int
    code: str = "InvalidRequest"


def _get(*fields: bytes, target: bytes = b"/bucket/key", host: bytes = b"Host: s3") -> bytes:
    lines = [b"GET " + target + b" HTTP/1.1", *([host] if host else []), *fields, b"", b""]
    return b"\r\n".join(lines)


def _put(*fields: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"PUT /bucket/key HTTP/1.1", b"Host: s3", *fields, b"", body])


_CHUNKED: Final = b"Transfer-Encoding: chunked"
# What a smuggler hides behind the body: it must never be answered, let alone reach a node.
_HIDDEN: Final = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: s3\r\n\r\n"

BAD_HEADS: Final = {
    "length and chunked": Bad(_put(b"Content-Length: 5", _CHUNKED, body=_HIDDEN), 400),
    "chunked and length": Bad(_put(_CHUNKED, b"Content-Length: 5", body=_HIDDEN), 400),
    "length and chunked in odd letters": Bad(
        _put(b"cOnTeNt-LeNgTh:5", b"tRANSFER-eNCODING:CHUNKED", body=_HIDDEN), 400
    ),
    "two lengths": Bad(_put(b"Content-Length: 5", b"Content-Length: 6", body=b"12345"), 400),
    "the same length twice": Bad(_put(b"Content-Length: 5", b"Content-Length: 5", body=b"12345"), 400),
    "two lengths of which one is zero": Bad(_put(b"Content-Length: 0", b"Content-Length: 44", body=GET), 400),
    "zero twice": Bad(_put(b"Content-Length: 0", b"Content-Length: 0", body=GET), 400),
    "a list of lengths": Bad(_put(b"Content-Length: 5, 5", body=b"12345"), 400),
    "a signed length": Bad(_put(b"Content-Length: +5", body=b"12345"), 400),
    "a negative length": Bad(_put(b"Content-Length: -5", body=b"12345"), 400),
    "a hexadecimal length": Bad(_put(b"Content-Length: 0x5", body=b"12345"), 400),
    "a length with an underscore": Bad(_put(b"Content-Length: 1_0", body=b"12345"), 400),
    "a length in other digits": Bad(_put(b"Content-Length: \xd9\xa5", body=b"12345"), 400),
    "an empty length": Bad(_put(b"Content-Length:", body=b"12345"), 400),
    "a length that overflows": Bad(_put(b"Content-Length: 18446744073709551621", body=b"12345"), 400),
    "a length of 19 digits": Bad(_put(b"Content-Length: 9999999999999999999", body=b"12345"), 400),
    "gzip before chunked": Bad(_put(b"Transfer-Encoding: gzip, chunked", body=_HIDDEN), 501, "NotImplemented"),
    "chunked before gzip": Bad(_put(b"Transfer-Encoding: chunked, gzip", body=_HIDDEN), 400),
    "chunked twice": Bad(_put(_CHUNKED, _CHUNKED, body=_HIDDEN), 400),
    "identity": Bad(_put(b"Transfer-Encoding: identity", body=_HIDDEN), 400),
    "a coding that looks like chunked": Bad(_put(b"Transfer-Encoding: xchunked", body=_HIDDEN), 400),
    "chunked behind a vertical tab": Bad(_put(b"Transfer-Encoding: \x0bchunked", body=_HIDDEN), 400),
    "chunked in HTTP/1.0": Bad(
        b"PUT /bucket/key HTTP/1.0\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n" + _HIDDEN, 501, "NotImplemented"
    ),
    "a blank before the colon of the length": Bad(_put(b"Content-Length : 5", body=b"12345"), 400),
    "a tab before the colon of the coding": Bad(_put(b"Transfer-Encoding\t: chunked", body=_HIDDEN), 400),
    "a blank before a name": Bad(_get(b" A: b"), 400),
    "a folded field": Bad(_get(b"A: b", b" c"), 400),
    "a folded length": Bad(_put(b"Content-Length:", b" 5", body=b"12345"), 400),
    "a tab that folds": Bad(_get(b"A: b", b"\tc"), 400),
    "a bare LF between fields": Bad(_get(b"A: b\nC: d"), 400),
    "a bare LF that hides a coding": Bad(_put(b"A: b\nTransfer-Encoding: chunked", body=_HIDDEN), 400),
    "a bare LF at the end of the request line": Bad(b"GET /bucket/key HTTP/1.1\nHost: s3\r\n\r\n", 400),
    "a bare CR in a value": Bad(_get(b"A: b\rC: d"), 400),
    "a bare CR that hides a coding": Bad(_put(b"A: b\rTransfer-Encoding: chunked", body=_HIDDEN), 400),
    "a bare CR in a target": Bad(_get(target=b"/a\rb"), 400),
    "NUL in a value": Bad(_get(b"A: b\0c"), 400),
    "NUL in a name": Bad(_get(b"A\0: b"), 400),
    "NUL in a target": Bad(_get(target=b"/a\0b"), 400),
    "a field without a colon": Bad(_get(b"nonsense"), 400),
    "a field without a name": Bad(_get(b": b"), 400),
    "a name with a bracket": Bad(_get(b"A[0]: b"), 400),
    "no host": Bad(_get(host=b""), 400),
    "an empty host": Bad(_get(host=b"Host:"), 400),
    "two hosts": Bad(_get(b"Host: s4"), 400),
    "the same host twice": Bad(_get(b"hOST: s3"), 400),
    "an empty host and another": Bad(_get(b"Host: s3", host=b"Host:"), 400),
    "a target at another host": Bad(_get(target=b"http://other/bucket/key"), 400),
    "a target at another port": Bad(_get(target=b"http://s3:81/bucket/key"), 400),
    "a target with a user": Bad(_get(target=b"http://me@s3/bucket/key"), 400),
    "a target of another scheme": Bad(_get(target=b"ftp://s3/bucket/key"), 400),
    "a target without a slash": Bad(_get(target=b"bucket/key"), 400),
    "an asterisk for GET": Bad(_get(target=b"*"), 400),
    "CONNECT": Bad(b"CONNECT s3:443 HTTP/1.1\r\nHost: s3:443\r\n\r\n", 501, "NotImplemented"),
    "CONNECT to a path": Bad(b"CONNECT /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n", 501, "NotImplemented"),
    "an upgrade": Bad(_get(b"Connection: Upgrade", b"Upgrade: websocket"), 501, "NotImplemented"),
    "an upgrade to HTTP/2": Bad(
        _get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"), 501, "NotImplemented"
    ),
    "an upgrade that is not announced": Bad(_get(b"Upgrade: h2c"), 501, "NotImplemented"),
    "the preface of HTTP/2": Bad(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": Bad(b"GET / HTTP/1.2\r\nHost: s3\r\n\r\n", 505),
    "HTTP/2.0": Bad(b"GET / HTTP/2.0\r\nHost: s3\r\n\r\n", 505),
    "http/1.1": Bad(b"GET / http/1.1\r\nHost: s3\r\n\r\n", 505),
    "HTTP/01.1": Bad(b"GET / HTTP/01.1\r\nHost: s3\r\n\r\n", 505),
    "no version": Bad(b"GET /\r\nHost: s3\r\n\r\n", 400),
    "two blanks before the target": Bad(b"GET  / HTTP/1.1\r\nHost: s3\r\n\r\n", 400),
    "a tab for a blank": Bad(b"GET\t/ HTTP/1.1\r\nHost: s3\r\n\r\n", 400),
    "a blank at the end": Bad(b"GET / HTTP/1.1 \r\nHost: s3\r\n\r\n", 400),
    "a blank in the target": Bad(b"GET /a b HTTP/1.1\r\nHost: s3\r\n\r\n", 400),
    "a blank before the method": Bad(b" GET / HTTP/1.1\r\nHost: s3\r\n\r\n", 400),
    "a bare CR first": Bad(b"\r" + GET, 400),
    "a bare LF first": Bad(b"\n" + GET, 400),
    "a bare LF in a target": Bad(_get(target=b"/bucket\nx-amz-date:/key"), 400),
    "a bare LF that hides a request line": Bad(_get(target=b"/a\nGET:/hidden"), 400),
    "an empty line first": Bad(b"\r\n" + GET, 400),
    "two empty lines first": Bad(b"\r\n\r\n" + GET, 400),
    "an unknown method": Bad(b"BREW /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n", 501, "NotImplemented"),
    "a method in small letters": Bad(b"get /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n", 501, "NotImplemented"),
    "a handshake of TLS": Bad(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", 400),
    "another expectation": Bad(_put(b"Expect: 200-ok", b"Content-Length: 5", body=b"12345"), 417),
    "a head over the limit": Bad(_get(b"A: " + b"b" * 65_536), 431, "RequestHeaderSectionTooLarge"),
    "a target over the limit": Bad(_get(target=b"/" + b"k" * 65_536), 431, "RequestHeaderSectionTooLarge"),
    "100,000 fields": Bad(_get(*[b"A: b"] * 100_000), 431, "RequestHeaderSectionTooLarge"),
    "a head that does not end": Bad(
        b"GET /bucket/key HTTP/1.1\r\nA: " + b"b" * 65_536, 431, "RequestHeaderSectionTooLarge"
    ),
}

# What chance puts into good requests: bytes that parsers disagree on, and pieces of framing.
_SPICE = [bytes([byte]) for byte in (0, 9, 10, 11, 13, 32, 34, 44, 58, 59, 127, 128, 255)] + [
    b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\n ", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Host: s4\r\n",
    b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:\tchunked\r\n", b"Connection: close\r\n", b"0\r\n\r\n",
    b"Expect: 100-continue\r\n", b" HTTP/1.0", b"chunked", b"gzip, ", b"5", b"-", b"+", b"0x", b"X" * 5000, GET,
    b"5\r\n12345\r\n", b"Upgrade: h2c\r\n", b"Connection: Content-Length, Transfer-Encoding\r\n", b"HEAD ", b"POST ",
]  # fmt: skip
_GOOD = [
    GET,
    b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 5\r\nx-amz-date: 1\r\n\r\n12345" + GET,
    b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n12345\r\n0\r\nA: b\r\n\r\n"
    + GET,
    b"GET /bucket/key HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET,
    b"POST /bucket?delete HTTP/1.1\r\nHost: s3\r\nContent-Length: 37\r\n\r\n" + GET[:37] + GET,
]


def spoilt(rng: random.Random) -> bytes:
    """A good request with one to four faults."""
    data = bytearray(rng.choice(_GOOD))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at:at] = rng.choice(_SPICE)
            case 1:
                del data[at : at + rng.randint(1, 4)]
            case 2:
                data[at : at + 1] = rng.choice(_SPICE)
            case 3:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randint(1, 40)]
    return bytes(data)
