"""Which operation a request is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.operation import Operation
from s3edge.s3.request import understand
from s3edge.s3.subresources import operation_of
from tests.s3.botocore_model import BASE_NAME, PATH_STYLE, VIRTUAL_HOST, Model
from tests.s3.heads import FakeHead

# Without a parameter it differs from ListBuckets by its host at Amazon only.
LOOKS_LIKE_ANOTHER = {"ListDirectoryBuckets": Operation.ListBuckets}


def named(method: str, target: str, **fields: str) -> Operation:
    head = FakeHead(
        method.encode(),
        target.encode(),
        {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()},
    )
    return understand(head, ()).operation


@pytest.mark.parametrize("endpoint_url, hosts", [(PATH_STYLE, ()), (VIRTUAL_HOST, (BASE_NAME,))])
def test_botocore_s_request_for_every_operation_is_named(endpoint_url: str, hosts: tuple[bytes, ...]) -> None:
    model = Model(endpoint_url)
    found = {name: understand(model.request(name, with_query=False), hosts).operation for name in model.operations}
    assert found == {name: Operation(name) for name in model.operations} | LOOKS_LIKE_ANOTHER


@pytest.mark.parametrize("endpoint_url, hosts", [(PATH_STYLE, ()), (VIRTUAL_HOST, (BASE_NAME,))])
def test_so_is_the_request_with_every_parameter_that_the_operation_knows(
    endpoint_url: str, hosts: tuple[bytes, ...]
) -> None:
    model = Model(endpoint_url)
    found = {name: understand(model.request(name, with_query=True), hosts).operation for name in model.operations}
    assert found == {name: Operation(name) for name in model.operations}


def test_the_hint_of_newer_sdks_changes_no_name() -> None:
    model = Model(PATH_STYLE)
    found = {}
    for name in model.operations:
        head = model.request(name, with_query=False)
        mark = b"&" if b"?" in head.target else b"?"
        head.target += mark + b"x-id=" + name.encode()
        found[name] = understand(head, ()).operation
    assert found == {name: Operation(name) for name in model.operations}


def test_a_false_hint_is_not_believed() -> None:
    assert named("DELETE", "/bucket/key?x-id=GetObject") == Operation.DeleteObject


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
        "X-Amz-Security-Token=&X-Amz-Checksum-Mode=ENABLED",
        "AWSAccessKeyId=AK&Expires=1&Signature=x%3D&x-amz-security-token=t",
        "response-content-type=text%2Fplain&response-expires=",
        "versionId=",
        "partNumber=3",
        "visitor=17",
        "%76ersionId=",
        "&",
        "=",
    ],
)
@pytest.mark.parametrize(
    "method, operation",
    [
        ("GET", Operation.GetObject),
        ("HEAD", Operation.HeadObject),
        ("PUT", Operation.PutObject),
        ("DELETE", Operation.DeleteObject),
    ],
)
def test_parameters_that_select_nothing_leave_an_object_s_operation(
    method: str, operation: Operation, query: str
) -> None:
    assert named(method, f"/bucket/key?{query}") == operation


def test_empty_list_parameters_leave_the_listing() -> None:
    assert named("GET", "/bucket?prefix=&delimiter=&marker=") == Operation.ListObjects
    assert named("GET", "/bucket/?start-after=&list-type=2&prefix=") == Operation.ListObjectsV2


@pytest.mark.parametrize(
    "method, target",
    [
        ("PUT", "/bucket/key?append&position=0"),  # Ceph's append: not a PutObject, which could be sent twice
        ("GET", "/bucket/key?newSubresource"),
        ("GET", "/bucket/key?newSubresource="),
        ("GET", "/bucket?events=s3:ObjectCreated:*"),  # MinIO's listener never ends
        ("GET", "/bucket?list-type=3"),
        ("GET", "/?ping"),
        ("GET", "//key"),
        ("HEAD", "/bucket?acl"),
        ("HEAD", "/"),
        ("GET", "/bucket/key?location"),
        ("POST", "/bucket/key"),
        ("POST", "/bucket?acl"),
        ("PATCH", "/bucket/key"),
        ("get", "/bucket/key"),
        ("OPTIONS", "*"),
    ],
)
def test_what_is_unknown_is_called_other(method: str, target: str) -> None:
    assert named(method, target) == Operation.Other


@pytest.mark.parametrize(
    "method, target, operation",
    [
        ("GET", "/", Operation.ListBuckets),
        ("GET", "/?x-id=ListDirectoryBuckets", Operation.ListDirectoryBuckets),
        ("GET", "/bucket?acl=", Operation.GetBucketAcl),
        ("GET", "/bucket?%61cl", Operation.GetBucketAcl),
        ("GET", "/bucket?versions&acl", Operation.ListObjectVersions),
        ("GET", "/bucket?inventory&%69d=1", Operation.GetBucketInventoryConfiguration),
        ("PUT", "/bucket/", Operation.CreateBucket),
        ("POST", "/bucket", Operation.PostObject),
        ("OPTIONS", "/bucket/key", Operation.PreflightObject),
        ("OPTIONS", "/bucket", Operation.PreflightObject),
        ("POST", "/bucket/WriteGetObjectResponse?uploads", Operation.CreateMultipartUpload),
    ],
)
def test_the_query_and_the_level_name_the_operation(method: str, target: str, operation: Operation) -> None:
    assert named(method, target) == operation


@pytest.mark.parametrize(
    "target, operation",
    [
        ("/bucket/key", Operation.CopyObject),
        ("/bucket/key?partNumber=1&uploadId=u", Operation.UploadPartCopy),
        ("/bucket/key?acl", Operation.PutObjectAcl),
        ("/bucket", Operation.CreateBucket),
    ],
)
def test_a_copy_source_turns_an_upload_into_a_copy(target: str, operation: Operation) -> None:
    assert named("PUT", target, x_amz_copy_source="bucket/source") == operation


def test_a_copy_source_means_nothing_to_a_read() -> None:
    assert named("GET", "/bucket/key", x_amz_copy_source="bucket/source") == Operation.GetObject


@given(st.binary(), st.binary(), st.binary(), st.binary())
def test_any_bytes_get_a_name(method: bytes, bucket: bytes, key: bytes, query: bytes) -> None:
    assert operation_of(method, bucket, key, query, FakeHead().header) in Operation


@given(
    st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"]),
    st.lists(st.sampled_from([b"acl", b"id=1", b"uploadId=u", b"versions", b"prefix=", b"new", b"x=1", b"%zz", b""])),
)
def test_a_request_is_named_by_its_method_s_own_operations(method: bytes, parameters: list[bytes]) -> None:
    verbs = {b"GET": ("Get", "List"), b"HEAD": ("Head",), b"PUT": ("Put", "Upload"), b"DELETE": ("Delete", "Abort")}
    operation = operation_of(method, b"bucket", b"key", b"&".join(parameters), FakeHead().header)
    assert operation.startswith((*verbs.get(method, ("Complete",)), "Other"))
