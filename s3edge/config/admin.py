"""The admin address: where it is, and who may read and change what there."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, SecretStr, field_serializer

from s3edge.config.address import Address, BaseHost, ListenAddress
from s3edge.config.document import Document, Location, Place
from s3edge.config.fault import Refused
from s3edge.config.part import Part
from s3edge.config.units import one_of

DEFAULT_ADMIN: Final = Address("127.0.0.1", 9090)
# Gives the token where the configuration has none, so that it need not stand in a file or on a command line.
TOKEN_VARIABLE: Final = "S3EDGE_ADMIN_TOKEN"
TOKEN: Final[Location] = ("admin", "token")

# 16 random characters of these 64 are 96 bits, which nobody guesses by asking. What an HTTP header carries bounds it.
SHORTEST_TOKEN, LONGEST_TOKEN = 16, 1024
# RFC 6750, 2.1: what a bearer token may hold. It needs no quotes in YAML, in a shell, or in a URL's fragment.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
TOKEN_ALLOWED: Final = (
    f"{SHORTEST_TOKEN} to {LONGEST_TOKEN} letters, digits and . _ ~ + / - (= at the end), such as openssl rand -hex 32"
    " prints"
)


class Protect(StrEnum):
    """What needs the token: changes, or reading too."""

    CHANGES = "changes"
    ALL = "all"


def parse_token(value: object) -> str:
    """A token; what refuses it shows nothing of it. Raises Refused."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        found = "a token that YAML reads as a number: quote it" if is_number else "a token that is no text"
    elif not SHORTEST_TOKEN <= len(value) <= LONGEST_TOKEN:
        found = f"a token that is too {'short' if len(value) < SHORTEST_TOKEN else 'long'}"
    elif _TOKEN.fullmatch(value) is None:
        found = "a token with other characters"
    else:
        return value
    raise Refused(TOKEN_ALLOWED, found=found)


class Admin(Part):
    """Where metrics, health and the API of s3edge itself are served, and what there needs the token.

    Without a `token` nobody can change anything. `hosts` are further names by which it may be read without the token.
    """

    address: ListenAddress = DEFAULT_ADMIN
    token: Annotated[SecretStr, BeforeValidator(parse_token)] | None = None
    protect: Annotated[Protect, BeforeValidator(one_of(Protect))] = Protect.CHANGES
    hosts: tuple[BaseHost, ...] = ()

    @field_serializer("token", when_used="json")
    def _nothing(self, value: SecretStr | None) -> None:
        """A configuration in JSON goes from the supervisor to its workers, which need no token."""


def take_token(document: Document, environment: Mapping[str, str]) -> None:
    """Put the token of the environment into a document that has none; an empty one is none."""
    token = environment.get(TOKEN_VARIABLE)
    if token and document.at(TOKEN) is None and not document.is_broken(TOKEN):
        document.put(TOKEN, token, Place(where=f"the environment variable {TOKEN_VARIABLE}"))
