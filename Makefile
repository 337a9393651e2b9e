# Everything sets itself up: the environment in .venv is made anew when pyproject.toml or constraints.txt change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
# Tests run side by side; a BLAS with threads of its own would only get in the way.
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check dev bench

help:
	@echo "make demo      sample photos in, a dataset out (sets everything up)"
	@echo "make dev       the Dagster UI on http://127.0.0.1:3000"
	@echo "make test      the fast tests"
	@echo "make test-all  all tests"
	@echo "make check     format, lint, types"
	@echo "make bench     the benchmarks"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

setup: $(STAMP)

demo: setup
	$(BIN)/iedf demo

dev: setup
	$(BIN)/iedf dev

test: setup
	$(BIN)/pytest --numprocesses auto -m "not slow"

test-all: setup
	$(BIN)/pytest --numprocesses auto

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks
