"""Every operation of the S3 REST API, and what may be done with each.

Names are those of Amazon's API reference, version 2006-03-01, and of the service model that botocore ships (a test
compares both ways). `PostObject` (a browser's form upload) and `PreflightObject` (the OPTIONS of CORS) are in the
reference only. `Other` is whatever we do not know; it is forwarded all the same.
"""

from collections.abc import Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final, NamedTuple


class Operation(StrEnum):
    """An S3 operation; its value is its name, as policies, logs and metrics write it."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    @classmethod
    def _missing_(cls, value: object) -> "Operation | None":
        return cls.__members__.get(value) if isinstance(value, str) else None

    AbortMultipartUpload = auto()
    CompleteMultipartUpload = auto()
    CopyObject = auto()
    CreateBucket = auto()
    CreateBucketMetadataConfiguration = auto()
    CreateBucketMetadataTableConfiguration = auto()
    CreateMultipartUpload = auto()
    CreateSession = auto()
    DeleteBucket = auto()
    DeleteBucketAnalyticsConfiguration = auto()
    DeleteBucketCors = auto()
    DeleteBucketEncryption = auto()
    DeleteBucketIntelligentTieringConfiguration = auto()
    DeleteBucketInventoryConfiguration = auto()
    DeleteBucketLifecycle = auto()
    DeleteBucketMetadataConfiguration = auto()
    DeleteBucketMetadataTableConfiguration = auto()
    DeleteBucketMetricsConfiguration = auto()
    DeleteBucketOwnershipControls = auto()
    DeleteBucketPolicy = auto()
    DeleteBucketReplication = auto()
    DeleteBucketTagging = auto()
    DeleteBucketWebsite = auto()
    DeleteObject = auto()
    DeleteObjectAnnotation = auto()
    DeleteObjectTagging = auto()
    DeleteObjects = auto()
    DeletePublicAccessBlock = auto()
    GetBucketAbac = auto()
    GetBucketAccelerateConfiguration = auto()
    GetBucketAcl = auto()
    GetBucketAnalyticsConfiguration = auto()
    GetBucketCors = auto()
    GetBucketEncryption = auto()
    GetBucketIntelligentTieringConfiguration = auto()
    GetBucketInventoryConfiguration = auto()
    GetBucketLifecycleConfiguration = auto()
    GetBucketLocation = auto()
    GetBucketLogging = auto()
    GetBucketMetadataConfiguration = auto()
    GetBucketMetadataTableConfiguration = auto()
    GetBucketMetricsConfiguration = auto()
    GetBucketNotificationConfiguration = auto()
    GetBucketOwnershipControls = auto()
    GetBucketPolicy = auto()
    GetBucketPolicyStatus = auto()
    GetBucketReplication = auto()
    GetBucketRequestPayment = auto()
    GetBucketTagging = auto()
    GetBucketVersioning = auto()
    GetBucketWebsite = auto()
    GetObject = auto()
    GetObjectAcl = auto()
    GetObjectAnnotation = auto()
    GetObjectAttributes = auto()
    GetObjectLegalHold = auto()
    GetObjectLockConfiguration = auto()
    GetObjectRetention = auto()
    GetObjectTagging = auto()
    GetObjectTorrent = auto()
    GetPublicAccessBlock = auto()
    HeadBucket = auto()
    HeadObject = auto()
    ListBucketAnalyticsConfigurations = auto()
    ListBucketIntelligentTieringConfigurations = auto()
    ListBucketInventoryConfigurations = auto()
    ListBucketMetricsConfigurations = auto()
    ListBuckets = auto()
    ListDirectoryBuckets = auto()
    ListMultipartUploads = auto()
    ListObjectAnnotations = auto()
    ListObjectVersions = auto()
    ListObjects = auto()
    ListObjectsV2 = auto()
    ListParts = auto()
    PutBucketAbac = auto()
    PutBucketAccelerateConfiguration = auto()
    PutBucketAcl = auto()
    PutBucketAnalyticsConfiguration = auto()
    PutBucketCors = auto()
    PutBucketEncryption = auto()
    PutBucketIntelligentTieringConfiguration = auto()
    PutBucketInventoryConfiguration = auto()
    PutBucketLifecycleConfiguration = auto()
    PutBucketLogging = auto()
    PutBucketMetricsConfiguration = auto()
    PutBucketNotificationConfiguration = auto()
    PutBucketOwnershipControls = auto()
    PutBucketPolicy = auto()
    PutBucketReplication = auto()
    PutBucketRequestPayment = auto()
    PutBucketTagging = auto()
    PutBucketVersioning = auto()
    PutBucketWebsite = auto()
    PutObject = auto()
    PutObjectAcl = auto()
    PutObjectAnnotation = auto()
    PutObjectLegalHold = auto()
    PutObjectLockConfiguration = auto()
    PutObjectRetention = auto()
    PutObjectTagging = auto()
    PutPublicAccessBlock = auto()
    RenameObject = auto()
    RestoreObject = auto()
    SelectObjectContent = auto()
    UpdateBucketMetadataAnnotationTableConfiguration = auto()
    UpdateBucketMetadataInventoryTableConfiguration = auto()
    UpdateBucketMetadataJournalTableConfiguration = auto()
    UpdateObjectEncryption = auto()
    UploadPart = auto()
    UploadPartCopy = auto()
    WriteGetObjectResponse = auto()
    PostObject = auto()
    PreflightObject = auto()
    Other = auto()

    # Amazon gave these a second form that looks the same on the wire, and deprecated the first.
    GetBucketLifecycle = GetBucketLifecycleConfiguration
    GetBucketNotification = GetBucketNotificationConfiguration
    PutBucketLifecycle = PutBucketLifecycleConfiguration
    PutBucketNotification = PutBucketNotificationConfiguration


class OperationClass(StrEnum):
    """What an operation does to the storage: it reads, it changes something, or it enumerates.

    Listings are apart because their cost to the storage has no relation to the bytes that they move.
    """

    READ = "read"
    WRITE = "write"
    LIST = "list"


class Traits(NamedTuple):
    """What an operation allows, whatever the single request says (`request.is_replayable` looks at that too).

    `idempotent`: a second sending leaves the store as the first did and earns the same kind of answer, so that a client
    cannot tell (in a versioned bucket a repeated write adds an equal version). Never true of a POST.
    `hedgeable`: a read without side effects, which may run on two nodes at once for the faster answer.
    `resumable`: a body read that `Range` and `If-Match` can continue on another node.
    `sends_body`: the request may carry a body.
    `receives_body`: a good answer may carry a body.
    `kind`: its class, by what it does and not by its method: CreateSession, a GET, and SelectObjectContent, a POST,
    change nothing.
    """

    idempotent: bool
    hedgeable: bool
    resumable: bool
    sends_body: bool
    receives_body: bool
    kind: OperationClass


_DOWNLOAD: Final = Traits(True, True, True, sends_body=False, receives_body=True, kind=OperationClass.READ)
_READ: Final = _DOWNLOAD._replace(resumable=False)
_GLANCE: Final = _READ._replace(receives_body=False)
_LIST: Final = _READ._replace(kind=OperationClass.LIST)
# Each CreateSession makes a token: to send it again is safe, to send it twice at once is waste.
_GRANT: Final = _READ._replace(hedgeable=False)

_WRITE: Final = Traits(True, False, False, sends_body=True, receives_body=False, kind=OperationClass.WRITE)
_WRITE_AND_READ: Final = _WRITE._replace(receives_body=True)
_COPY: Final = _WRITE_AND_READ._replace(sends_body=False)
_DELETE: Final = _WRITE._replace(sends_body=False)

# A second sending does the work twice, or fails because the first succeeded ("already exists", "no such upload").
_CALL_ONCE: Final = _WRITE_AND_READ._replace(idempotent=False)
_WRITE_ONCE: Final = _WRITE._replace(idempotent=False)
_BEGIN_ONCE: Final = _COPY._replace(idempotent=False)
_CHANGE_ONCE: Final = _DELETE._replace(idempotent=False)
# A query in the body of a POST.
_QUERY: Final = _CALL_ONCE._replace(kind=OperationClass.READ)

TRAITS: Final[Mapping[Operation, Traits]] = MappingProxyType(
    {
        Operation.AbortMultipartUpload: _CHANGE_ONCE,
        Operation.CompleteMultipartUpload: _CALL_ONCE,
        Operation.CopyObject: _COPY,
        Operation.CreateBucket: _WRITE_ONCE,
        Operation.CreateBucketMetadataConfiguration: _WRITE_ONCE,
        Operation.CreateBucketMetadataTableConfiguration: _WRITE_ONCE,
        Operation.CreateMultipartUpload: _BEGIN_ONCE,
        Operation.CreateSession: _GRANT,
        Operation.DeleteBucket: _CHANGE_ONCE,
        Operation.DeleteBucketAnalyticsConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketCors: _DELETE,
        Operation.DeleteBucketEncryption: _DELETE,
        Operation.DeleteBucketIntelligentTieringConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketInventoryConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketLifecycle: _DELETE,
        Operation.DeleteBucketMetadataConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketMetadataTableConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketMetricsConfiguration: _CHANGE_ONCE,
        Operation.DeleteBucketOwnershipControls: _DELETE,
        Operation.DeleteBucketPolicy: _DELETE,
        Operation.DeleteBucketReplication: _DELETE,
        Operation.DeleteBucketTagging: _DELETE,
        Operation.DeleteBucketWebsite: _DELETE,
        Operation.DeleteObject: _DELETE,
        Operation.DeleteObjectAnnotation: _DELETE,
        Operation.DeleteObjectTagging: _DELETE,
        Operation.DeleteObjects: _CALL_ONCE,
        Operation.DeletePublicAccessBlock: _DELETE,
        Operation.GetBucketAbac: _READ,
        Operation.GetBucketAccelerateConfiguration: _READ,
        Operation.GetBucketAcl: _READ,
        Operation.GetBucketAnalyticsConfiguration: _READ,
        Operation.GetBucketCors: _READ,
        Operation.GetBucketEncryption: _READ,
        Operation.GetBucketIntelligentTieringConfiguration: _READ,
        Operation.GetBucketInventoryConfiguration: _READ,
        Operation.GetBucketLifecycleConfiguration: _READ,
        Operation.GetBucketLocation: _READ,
        Operation.GetBucketLogging: _READ,
        Operation.GetBucketMetadataConfiguration: _READ,
        Operation.GetBucketMetadataTableConfiguration: _READ,
        Operation.GetBucketMetricsConfiguration: _READ,
        Operation.GetBucketNotificationConfiguration: _READ,
        Operation.GetBucketOwnershipControls: _READ,
        Operation.GetBucketPolicy: _READ,
        Operation.GetBucketPolicyStatus: _READ,
        Operation.GetBucketReplication: _READ,
        Operation.GetBucketRequestPayment: _READ,
        Operation.GetBucketTagging: _READ,
        Operation.GetBucketVersioning: _READ,
        Operation.GetBucketWebsite: _READ,
        Operation.GetObject: _DOWNLOAD,
        Operation.GetObjectAcl: _READ,
        Operation.GetObjectAnnotation: _READ,
        Operation.GetObjectAttributes: _READ,
        Operation.GetObjectLegalHold: _READ,
        Operation.GetObjectLockConfiguration: _READ,
        Operation.GetObjectRetention: _READ,
        Operation.GetObjectTagging: _READ,
        Operation.GetObjectTorrent: _READ,
        Operation.GetPublicAccessBlock: _READ,
        Operation.HeadBucket: _GLANCE,
        Operation.HeadObject: _GLANCE,
        Operation.ListBucketAnalyticsConfigurations: _LIST,
        Operation.ListBucketIntelligentTieringConfigurations: _LIST,
        Operation.ListBucketInventoryConfigurations: _LIST,
        Operation.ListBucketMetricsConfigurations: _LIST,
        Operation.ListBuckets: _LIST,
        Operation.ListDirectoryBuckets: _LIST,
        Operation.ListMultipartUploads: _LIST,
        Operation.ListObjectAnnotations: _LIST,
        Operation.ListObjectVersions: _LIST,
        Operation.ListObjects: _LIST,
        Operation.ListObjectsV2: _LIST,
        Operation.ListParts: _LIST,
        Operation.PutBucketAbac: _WRITE,
        Operation.PutBucketAccelerateConfiguration: _WRITE,
        Operation.PutBucketAcl: _WRITE,
        Operation.PutBucketAnalyticsConfiguration: _WRITE,
        Operation.PutBucketCors: _WRITE,
        Operation.PutBucketEncryption: _WRITE,
        Operation.PutBucketIntelligentTieringConfiguration: _WRITE,
        Operation.PutBucketInventoryConfiguration: _WRITE,
        Operation.PutBucketLifecycleConfiguration: _WRITE,
        Operation.PutBucketLogging: _WRITE,
        Operation.PutBucketMetricsConfiguration: _WRITE,
        Operation.PutBucketNotificationConfiguration: _WRITE,
        Operation.PutBucketOwnershipControls: _WRITE,
        Operation.PutBucketPolicy: _WRITE,
        Operation.PutBucketReplication: _WRITE,
        Operation.PutBucketRequestPayment: _WRITE,
        Operation.PutBucketTagging: _WRITE,
        Operation.PutBucketVersioning: _WRITE,
        Operation.PutBucketWebsite: _WRITE,
        Operation.PutObject: _WRITE,
        Operation.PutObjectAcl: _WRITE,
        Operation.PutObjectAnnotation: _WRITE_AND_READ,
        Operation.PutObjectLegalHold: _WRITE,
        Operation.PutObjectLockConfiguration: _WRITE,
        Operation.PutObjectRetention: _WRITE,
        Operation.PutObjectTagging: _WRITE,
        Operation.PutPublicAccessBlock: _WRITE,
        Operation.RenameObject: _CHANGE_ONCE,
        Operation.RestoreObject: _WRITE_ONCE,
        Operation.SelectObjectContent: _QUERY,
        Operation.UpdateBucketMetadataAnnotationTableConfiguration: _WRITE,
        Operation.UpdateBucketMetadataInventoryTableConfiguration: _WRITE,
        Operation.UpdateBucketMetadataJournalTableConfiguration: _WRITE,
        Operation.UpdateObjectEncryption: _WRITE,
        Operation.UploadPart: _WRITE,
        Operation.UploadPartCopy: _COPY,
        Operation.WriteGetObjectResponse: _WRITE_ONCE,
        Operation.PostObject: _CALL_ONCE,
        Operation.PreflightObject: _GLANCE,
        Operation.Other: _CALL_ONCE,
    }
)
"""The traits of every operation. Of `Other` nothing is known, so nothing is allowed, and it counts as a write: what a
limit of writes lets pass by mistake may cost the storage more than what it holds up by mistake."""

KINDS: Final = {operation: traits.kind for operation, traits in TRAITS.items()}
"""The class of each operation; a plain dictionary, since each request asks."""
