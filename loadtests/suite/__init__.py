"""All questions in a row, and one report: `make loadtest`, `make loadtest-full`, or `python -m loadtests.suite --help`.

Each question is a process of its own, which Ctrl-C and SIGTERM end with all that it started.
"""
