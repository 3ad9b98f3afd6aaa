"""Load tests: each module answers one question about s3edge with numbers; `python -m loadtests.bench` is the first."""
