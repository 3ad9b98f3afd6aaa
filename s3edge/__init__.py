"""s3edge: a resilient S3 endpoint between AI compute and the object storage that feeds it."""

__version__ = "0.1.0"
