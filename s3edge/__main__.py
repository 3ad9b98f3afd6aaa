"""`python -m s3edge` is `s3edge`."""

import sys

from s3edge.cli import main

if __name__ == "__main__":
    sys.exit(main())
