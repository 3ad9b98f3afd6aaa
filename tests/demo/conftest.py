"""A storage of the demo, one for all tests of a module."""

from collections.abc import Iterator

import pytest

from s3edge.demo.nodes import Nodes


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with Nodes() as nodes:
        yield nodes
