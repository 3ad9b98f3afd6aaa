"""The list of operations and their traits, against the service model that botocore ships."""

import pytest

from s3edge.s3.operation import TRAITS, Operation, OperationClass
from tests.s3.botocore_model import PATH_STYLE, Model, location

OF_THE_REFERENCE_ONLY = {Operation.PostObject, Operation.PreflightObject, Operation.Other}
MODEL = Model(PATH_STYLE)


def test_every_operation_of_the_service_model_has_its_name() -> None:
    assert set(Operation.__members__) == set(MODEL.operations) | OF_THE_REFERENCE_ONLY


def test_every_operation_has_traits() -> None:
    assert set(TRAITS) == set(Operation)


def test_a_deprecated_name_is_the_operation_that_looks_the_same() -> None:
    assert Operation("GetBucketLifecycle") is Operation.GetBucketLifecycleConfiguration


def test_an_invented_name_is_refused() -> None:
    with pytest.raises(ValueError, match="EatObject"):
        Operation("EatObject")


def test_bodies_are_those_of_the_service_model() -> None:
    wrong = []
    for name, model in MODEL.operations.items():
        traits = TRAITS[Operation(name)]
        if traits.sends_body != _has_body(model.input_shape) or traits.receives_body != _has_body(model.output_shape):
            wrong.append(name)
    assert wrong == []


def _has_body(shape: object) -> bool:
    return any(location(member) is None for member in getattr(shape, "members", {}).values())


def test_only_reads_are_hedged() -> None:
    methods = {name: model.http["method"] for name, model in MODEL.operations.items()}
    hedged = {name for name, method in methods.items() if TRAITS[Operation(name)].hedgeable}
    assert hedged == {name for name, method in methods.items() if method in ("GET", "HEAD")} - {"CreateSession"}


def test_no_post_is_idempotent() -> None:
    posts = {name for name, model in MODEL.operations.items() if model.http["method"] == "POST"}
    assert [name for name in posts if TRAITS[Operation(name)].idempotent] == []


@pytest.mark.parametrize("operation", [Operation.PutObject, Operation.UploadPart, Operation.DeleteObject])
def test_a_plain_write_can_be_repeated(operation: Operation) -> None:
    assert TRAITS[operation].idempotent


@pytest.mark.parametrize(
    "operation",
    [
        Operation.AbortMultipartUpload,
        Operation.CompleteMultipartUpload,
        Operation.CreateBucket,
        Operation.CreateMultipartUpload,
        Operation.DeleteBucket,
        Operation.RenameObject,
    ],
)
def test_an_operation_that_fails_once_it_has_succeeded_is_not_repeated(operation: Operation) -> None:
    assert not TRAITS[operation].idempotent


def test_only_the_body_of_get_object_can_be_resumed() -> None:
    assert [operation for operation in Operation if TRAITS[operation].resumable] == [Operation.GetObject]


def test_nothing_is_allowed_with_an_unknown_operation() -> None:
    traits = TRAITS[Operation.Other]
    assert traits == (False, False, False, True, True, OperationClass.WRITE)


def test_only_what_enumerates_is_a_listing() -> None:
    listings = {operation for operation in Operation if TRAITS[operation].kind is OperationClass.LIST}
    assert listings == {operation for operation in Operation if operation.startswith("List")}
    assert Operation.ListObjectsV2 in listings


def test_what_changes_nothing_is_a_read_and_all_else_a_write() -> None:
    """By the methods of the service model, in which two are not what they look like."""
    reads = {operation for operation in Operation if TRAITS[operation].kind is OperationClass.READ}
    safe = {Operation(name) for name, model in MODEL.operations.items() if model.http["method"] in ("GET", "HEAD")}
    listings = {operation for operation in safe if operation.startswith("List")}
    assert reads == (safe - listings) | {Operation.SelectObjectContent, Operation.PreflightObject}
