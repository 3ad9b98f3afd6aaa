"""Which operations a match can be of, from all that it says: none means that no request ever fits it."""

from s3edge.config.policy import Match
from s3edge.s3.operation import TRAITS, Operation

# Their requests name no bucket, so that they fit no pattern of buckets.
_WITHOUT_BUCKET = frozenset((Operation.ListBuckets, Operation.ListDirectoryBuckets))

# Their requests name no key, so that they fit no prefix; that of a listing is a parameter. So it is with all that have
# `Bucket` in their name, too.
_WITHOUT_KEY = _WITHOUT_BUCKET | {
    Operation.CreateSession,
    Operation.DeleteObjects,
    Operation.DeletePublicAccessBlock,
    Operation.GetObjectLockConfiguration,
    Operation.GetPublicAccessBlock,
    Operation.ListMultipartUploads,
    Operation.ListObjectVersions,
    Operation.ListObjects,
    Operation.ListObjectsV2,
    Operation.PostObject,
    Operation.PutObjectLockConfiguration,
    Operation.PutPublicAccessBlock,
}


def reach(match: Match) -> frozenset[Operation]:
    """The operations whose requests can fit a match."""
    operations = named_operations(match)
    if match.buckets is not None:
        operations -= _WITHOUT_BUCKET
    if match.prefixes is not None:
        operations = frozenset(name for name in operations - _WITHOUT_KEY if "Bucket" not in name)
    return operations


def named_operations(match: Match) -> frozenset[Operation]:
    """The operations that a match names, one by one and by class."""
    operations = frozenset(Operation) if match.operations is None else frozenset(match.operations)
    if match.classes is None:
        return operations
    return frozenset(name for name in operations if TRAITS[name].kind in match.classes)
