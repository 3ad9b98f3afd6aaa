"""S3 clients as they come, direct and through s3edge, over HTTP and HTTPS: `python -m loadtests.matrix`."""
