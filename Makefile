# Every target makes the .venv that it needs; `make help` lists them.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
CODE := s3edge tests tools loadtests compose
# A change of pyproject.toml changes the stamps' names, so that the next target installs anew.
VERSION := $(shell cksum < pyproject.toml | cut -d' ' -f1)
DEMO := .venv/.installed-demo-$(VERSION)
LOAD := .venv/.installed-load-$(VERSION)
DEV := .venv/.installed-dev-$(VERSION)
MATRIX := .venv/.installed-matrix-$(VERSION)

.PHONY: help demo test test-deep test-browser test-ceph test-minio lint format bench loadtest loadtest-full matrix clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(DEMO)  ## three storage nodes behind s3edge in this terminal; ARGS=--chaos takes nodes away
	@$(BIN)/s3edge demo $(ARGS)

test: $(DEV)  ## all tests except those on a real Ceph or MinIO and in a browser; ARGS="-k word" chooses
	@$(BIN)/python -m pytest -m "not ceph and not minio and not browser" $(ARGS)

test-deep: $(DEV)  ## the same, with many more and always new hypothesis examples
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -m "not ceph and not minio and not browser" --timeout=900 $(ARGS)

test-browser: $(DEV)  ## the dashboard in a real browser (Debian's chromium; skipped, with the reason, without it)
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

test-ceph: $(DEV)  ## the tests on a real Ceph cluster (Debian's packages; skipped, with the reason, without them)
	@$(BIN)/python -m pytest -m ceph tests/wire $(ARGS)

test-minio: $(DEV)  ## the tests on a real MinIO of four nodes (a minio on PATH; skipped, with the reason, without it)
	@$(BIN)/python -m pytest -m minio tests/wire $(ARGS)

lint: $(DEV)  ## ruff, mypy --strict, import contracts, limits of size, task names
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.check_sizes $(CODE)
	@$(BIN)/python -m tools.check_tasks s3edge

format: $(DEV)  ## rewrite the code as `make lint` wants it
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(DEV)  ## s3edge, HAProxy and nginx in turn in front of the same nodes; table and chart in loadtests/results/
	@$(BIN)/python -m loadtests.bench $(ARGS)

loadtest: $(LOAD)  ## all questions of loadtests/ in short, 14 minutes; report in build/loadtest/; ARGS="--only killed_nodes"
	@$(BIN)/python -m loadtests.suite $(ARGS)

loadtest-full: $(LOAD)  ## the same at full length, two hours; report in loadtests/results/
	@$(BIN)/python -m loadtests.suite --full $(ARGS)

matrix: $(MATRIX)  ## S3 clients through s3edge and direct, by HTTP and HTTPS; ARGS="--kind minio --readme" chooses
	@$(BIN)/python -m loadtests.matrix $(ARGS)

clean:  ## forget the .venv, caches and builds
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "s3edge needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make a virtual environment here. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed-%-$(VERSION): $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@rm -f .venv/.installed-$*-*
	@touch $@
