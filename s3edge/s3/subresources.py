"""Which operation a request is: by method, level of the path and the sub-resource that its query names.

S3 says `?acl` or `?uploadId=...` where others have a path of their own, next to parameters that select nothing
(`prefix`, `versionId`, the parts of a presigned signature). Servers ignore parameters that they do not know, and so do
we, except where a wrong guess could hurt: Ceph appends by `PUT /b/k?append&position=0`, which must not be taken for a
PutObject that can be sent twice. So an unknown parameter without a value, or any unknown one above an object, makes the
request `Other`.

`x-id=NAME`, which newer SDKs add, is the client's word only and not believed, except between two operations that look
the same without it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from s3edge.s3.encoding import unescaped
from s3edge.s3.operation import Operation as Op

_SERVICE: Final = "service"
_BUCKET: Final = "bucket"
_OBJECT: Final = "object"

# Looked up once: in Python 3.11 reading a member off its enum takes 80 ns, half of the whole hot path.
_OTHER: Final = Op.Other
_POST_OBJECT: Final = Op.PostObject
_WRITE_GET_OBJECT_RESPONSE: Final = Op.WriteGetObjectResponse

_PLAIN: Final[Mapping[tuple[bytes, str], Op]] = {
    (b"GET", _SERVICE): Op.ListBuckets,
    (b"GET", _BUCKET): Op.ListObjects,
    (b"HEAD", _BUCKET): Op.HeadBucket,
    (b"PUT", _BUCKET): Op.CreateBucket,
    (b"DELETE", _BUCKET): Op.DeleteBucket,
    (b"POST", _BUCKET): Op.PostObject,
    (b"OPTIONS", _BUCKET): Op.PreflightObject,
    (b"GET", _OBJECT): Op.GetObject,
    (b"HEAD", _OBJECT): Op.HeadObject,
    (b"PUT", _OBJECT): Op.PutObject,
    (b"DELETE", _OBJECT): Op.DeleteObject,
    (b"OPTIONS", _OBJECT): Op.PreflightObject,
}

# A parameter by its name, or by name and value where the value decides.
_OF_SERVICE: Final[Mapping[bytes, Mapping[bytes, Op]]] = {
    b"max-directory-buckets": {b"GET": Op.ListDirectoryBuckets},
    b"x-id=ListDirectoryBuckets": {b"GET": Op.ListDirectoryBuckets},
}
_OF_BUCKET: Final[Mapping[bytes, Mapping[bytes, Op]]] = {
    b"abac": {b"GET": Op.GetBucketAbac, b"PUT": Op.PutBucketAbac},
    b"accelerate": {b"GET": Op.GetBucketAccelerateConfiguration, b"PUT": Op.PutBucketAccelerateConfiguration},
    b"acl": {b"GET": Op.GetBucketAcl, b"PUT": Op.PutBucketAcl},
    b"analytics": {
        b"GET": Op.ListBucketAnalyticsConfigurations,
        b"PUT": Op.PutBucketAnalyticsConfiguration,
        b"DELETE": Op.DeleteBucketAnalyticsConfiguration,
    },
    b"cors": {b"GET": Op.GetBucketCors, b"PUT": Op.PutBucketCors, b"DELETE": Op.DeleteBucketCors},
    b"delete": {b"POST": Op.DeleteObjects},
    b"encryption": {
        b"GET": Op.GetBucketEncryption,
        b"PUT": Op.PutBucketEncryption,
        b"DELETE": Op.DeleteBucketEncryption,
    },
    b"intelligent-tiering": {
        b"GET": Op.ListBucketIntelligentTieringConfigurations,
        b"PUT": Op.PutBucketIntelligentTieringConfiguration,
        b"DELETE": Op.DeleteBucketIntelligentTieringConfiguration,
    },
    b"inventory": {
        b"GET": Op.ListBucketInventoryConfigurations,
        b"PUT": Op.PutBucketInventoryConfiguration,
        b"DELETE": Op.DeleteBucketInventoryConfiguration,
    },
    b"lifecycle": {
        b"GET": Op.GetBucketLifecycleConfiguration,
        b"PUT": Op.PutBucketLifecycleConfiguration,
        b"DELETE": Op.DeleteBucketLifecycle,
    },
    b"list-type=2": {b"GET": Op.ListObjectsV2},
    b"location": {b"GET": Op.GetBucketLocation},
    b"logging": {b"GET": Op.GetBucketLogging, b"PUT": Op.PutBucketLogging},
    b"metadataAnnotationTable": {b"PUT": Op.UpdateBucketMetadataAnnotationTableConfiguration},
    b"metadataConfiguration": {
        b"GET": Op.GetBucketMetadataConfiguration,
        b"POST": Op.CreateBucketMetadataConfiguration,
        b"DELETE": Op.DeleteBucketMetadataConfiguration,
    },
    b"metadataInventoryTable": {b"PUT": Op.UpdateBucketMetadataInventoryTableConfiguration},
    b"metadataJournalTable": {b"PUT": Op.UpdateBucketMetadataJournalTableConfiguration},
    b"metadataTable": {
        b"GET": Op.GetBucketMetadataTableConfiguration,
        b"POST": Op.CreateBucketMetadataTableConfiguration,
        b"DELETE": Op.DeleteBucketMetadataTableConfiguration,
    },
    b"metrics": {
        b"GET": Op.ListBucketMetricsConfigurations,
        b"PUT": Op.PutBucketMetricsConfiguration,
        b"DELETE": Op.DeleteBucketMetricsConfiguration,
    },
    b"notification": {b"GET": Op.GetBucketNotificationConfiguration, b"PUT": Op.PutBucketNotificationConfiguration},
    b"object-lock": {b"GET": Op.GetObjectLockConfiguration, b"PUT": Op.PutObjectLockConfiguration},
    b"ownershipControls": {
        b"GET": Op.GetBucketOwnershipControls,
        b"PUT": Op.PutBucketOwnershipControls,
        b"DELETE": Op.DeleteBucketOwnershipControls,
    },
    b"policy": {b"GET": Op.GetBucketPolicy, b"PUT": Op.PutBucketPolicy, b"DELETE": Op.DeleteBucketPolicy},
    b"policyStatus": {b"GET": Op.GetBucketPolicyStatus},
    b"publicAccessBlock": {
        b"GET": Op.GetPublicAccessBlock,
        b"PUT": Op.PutPublicAccessBlock,
        b"DELETE": Op.DeletePublicAccessBlock,
    },
    b"replication": {
        b"GET": Op.GetBucketReplication,
        b"PUT": Op.PutBucketReplication,
        b"DELETE": Op.DeleteBucketReplication,
    },
    b"requestPayment": {b"GET": Op.GetBucketRequestPayment, b"PUT": Op.PutBucketRequestPayment},
    b"session": {b"GET": Op.CreateSession},
    b"tagging": {b"GET": Op.GetBucketTagging, b"PUT": Op.PutBucketTagging, b"DELETE": Op.DeleteBucketTagging},
    b"uploads": {b"GET": Op.ListMultipartUploads},
    b"versioning": {b"GET": Op.GetBucketVersioning, b"PUT": Op.PutBucketVersioning},
    b"versions": {b"GET": Op.ListObjectVersions},
    b"website": {b"GET": Op.GetBucketWebsite, b"PUT": Op.PutBucketWebsite, b"DELETE": Op.DeleteBucketWebsite},
}
_OF_OBJECT: Final[Mapping[bytes, Mapping[bytes, Op]]] = {
    b"acl": {b"GET": Op.GetObjectAcl, b"PUT": Op.PutObjectAcl},
    b"annotation": {
        b"GET": Op.ListObjectAnnotations,
        b"PUT": Op.PutObjectAnnotation,
        b"DELETE": Op.DeleteObjectAnnotation,
    },
    b"attributes": {b"GET": Op.GetObjectAttributes},
    b"encryption": {b"PUT": Op.UpdateObjectEncryption},
    b"legal-hold": {b"GET": Op.GetObjectLegalHold, b"PUT": Op.PutObjectLegalHold},
    b"renameObject": {b"PUT": Op.RenameObject},
    b"restore": {b"POST": Op.RestoreObject},
    b"retention": {b"GET": Op.GetObjectRetention, b"PUT": Op.PutObjectRetention},
    b"select": {b"POST": Op.SelectObjectContent},
    b"tagging": {b"GET": Op.GetObjectTagging, b"PUT": Op.PutObjectTagging, b"DELETE": Op.DeleteObjectTagging},
    b"torrent": {b"GET": Op.GetObjectTorrent},
    b"uploadId": {
        b"GET": Op.ListParts,
        b"PUT": Op.UploadPart,
        b"POST": Op.CompleteMultipartUpload,
        b"DELETE": Op.AbortMultipartUpload,
    },
    b"uploads": {b"POST": Op.CreateMultipartUpload},
}
_SUBRESOURCES: Final[Mapping[tuple[bytes, str], Mapping[bytes, Op]]] = {
    (method, level): {name: methods[method] for name, methods in names.items() if method in methods}
    for level, names in ((_SERVICE, _OF_SERVICE), (_BUCKET, _OF_BUCKET), (_OBJECT, _OF_OBJECT))
    for method in (b"GET", b"PUT", b"POST", b"DELETE")
}
_NO_SUBRESOURCES: Final[Mapping[bytes, Op]] = {}

# One more parameter turns a list of configurations into one of them.
_SINGULAR: Final[Mapping[Op, tuple[bytes, Op]]] = {
    Op.ListBucketAnalyticsConfigurations: (b"id", Op.GetBucketAnalyticsConfiguration),
    Op.ListBucketIntelligentTieringConfigurations: (b"id", Op.GetBucketIntelligentTieringConfiguration),
    Op.ListBucketInventoryConfigurations: (b"id", Op.GetBucketInventoryConfiguration),
    Op.ListBucketMetricsConfigurations: (b"id", Op.GetBucketMetricsConfiguration),
    Op.ListObjectAnnotations: (b"annotationName", Op.GetObjectAnnotation),
}
_COPIES: Final[Mapping[Op, Op]] = {Op.PutObject: Op.CopyObject, Op.UploadPart: Op.UploadPartCopy}

# Parameters that select nothing: of the API, of both presigned forms, and of listings by MinIO and by Ceph.
_MODIFIERS: Final = frozenset(
    b"annotationName annotation-prefix bucket-region continuation-token delimiter encoding-type fetch-owner id"
    b" key-marker marker max-annotation-results max-buckets max-keys max-parts max-uploads part-number-marker"
    b" partNumber prefix select-type start-after upload-id-marker version-id-marker versionId"
    b" AWSAccessKeyId Expires Signature X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires"
    b" X-Amz-Security-Token X-Amz-Signature X-Amz-SignedHeaders"
    b" metadata allow-unordered".split()
) | {b""}
_MODIFIER_PREFIXES: Final = (b"X-Amz-", b"x-amz-", b"x-id", b"response-")


def operation_of(method: bytes, bucket: bytes, key: bytes, query: bytes, header: Callable[[bytes], bytes | None]) -> Op:
    """Name the operation of a request.

    `bucket` and `key` are empty above that level; `query` is what follows the first `?`. `header` gives the value of a
    field by its lower-case name; it is asked for PUT only.
    """
    if bucket:
        level = _OBJECT if key else _BUCKET
    elif key:
        return _OTHER
    else:
        level = _SERVICE
    operation = _queried(method, level, query) if query else _PLAIN.get((method, level), _OTHER)
    if method == b"PUT":
        if operation in _COPIES and header(b"x-amz-copy-source") is not None:
            return _COPIES[operation]
    elif method == b"POST" and (key or bucket) == b"WriteGetObjectResponse" and operation in (_POST_OBJECT, _OTHER):
        return _WRITE_GET_OBJECT_RESPONSE
    return operation


def _queried(method: bytes, level: str, query: bytes) -> Op:
    """The operation of the first sub-resource in `query`; without one, the plain operation or `Other`."""
    subresources = _SUBRESOURCES.get((method, level), _NO_SUBRESOURCES)
    parameters = query.split(b"&")
    is_unknown = False
    for parameter in parameters:
        name = parameter.partition(b"=")[0]
        if name in _MODIFIERS:
            continue
        name = unescaped(name)
        operation = subresources.get(name) or subresources.get(parameter)
        if operation is not None:
            return _narrowed(operation, parameters)
        if name not in _MODIFIERS and not name.startswith(_MODIFIER_PREFIXES):  # an escaped name can be one, too
            is_unknown = is_unknown or level != _OBJECT or parameter.endswith(b"=") or b"=" not in parameter
    return _OTHER if is_unknown else _PLAIN.get((method, level), _OTHER)


def _narrowed(operation: Op, parameters: Iterable[bytes]) -> Op:
    singular = _SINGULAR.get(operation)
    if singular is None:
        return operation
    name_of_one, one = singular
    return one if name_of_one in (unescaped(parameter.partition(b"=")[0]) for parameter in parameters) else operation
