"""Which operations a match can be of."""

import pytest

from s3edge.config.policy import Match
from s3edge.config.reach import reach
from s3edge.s3.operation import TRAITS, Operation, OperationClass
from s3edge.s3.request import understand
from tests.s3.botocore_model import BASE_NAME, PATH_STYLE, Model

MODEL = Model(PATH_STYLE)


def test_a_match_that_says_nothing_can_be_of_all_operations() -> None:
    assert reach(Match()) == set(Operation)


def test_a_match_is_of_the_operations_that_it_names_and_whose_class_it_names() -> None:
    match = Match(operations=(Operation.GetObject, Operation.PutObject), classes=(OperationClass.WRITE,))
    assert reach(match) == {Operation.PutObject}
    assert reach(Match(classes=(OperationClass.LIST,))) == {name for name in Operation if TRAITS[name].kind == "list"}


# What answers for an object lambda has a path of its own, which is neither bucket nor key.
@pytest.mark.parametrize("name", sorted(MODEL.operations.keys() - {"WriteGetObjectResponse"}))
def test_a_bucket_or_a_prefix_is_of_those_operations_whose_requests_have_one(name: str) -> None:
    request = understand(MODEL.request(name, with_query=False), (BASE_NAME,))
    assert (request.operation in reach(Match(buckets=("*",)))) is bool(request.bucket)
    assert (request.operation in reach(Match(prefixes=("k",)))) is bool(request.raw_key)
