# Everything sets itself up: the environment in .venv is made anew when pyproject.toml or constraints.txt change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
# Tests run side by side; a BLAS with threads of its own would only get in the way.
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup models model-env demo test test-all check dev bench

help:
	@echo "make demo      sample photos in, a dataset out (sets everything up)"
	@echo "make dev       the Dagster UI on http://127.0.0.1:3000"
	@echo "make test      the fast tests"
	@echo "make test-all  all tests"
	@echo "make check     format, lint, order of rooms, types"
	@echo "make models    the small segmentation network in models/; part of setting up"
	@echo "make model-env the models' environments as venvs in .venvs/, for where there is no conda"
	@echo "make bench     the benchmarks"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev,postgres,ray]'
	@touch $@

setup: $(STAMP) models

# Says so where there is no network, and goes on.
models: $(STAMP)
	@$(BIN)/python -m model_envs.fetching

# The same pins as model_envs/*/environment.yml, which conda takes.
.venvs/iedf-%/.installed: model_envs/%/environment.yml model_envs/requirements.py
	$(PYTHON) -m venv $(@D)
	$(PYTHON) -m model_envs.requirements $* | xargs $(@D)/bin/python -m pip install --quiet --disable-pip-version-check
	@touch $@

.venvs/iedf-edit/.tested: .venvs/iedf-edit/.installed
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pytest
	@touch $@

model-env: .venvs/iedf-layered/.installed .venvs/iedf-edit/.installed

demo: setup
	$(BIN)/iedf demo

dev: setup
	$(BIN)/iedf dev

test: setup
	$(BIN)/pytest --numprocesses auto -m "not slow" --hypothesis-profile fast

# The tests of the model backends run where torch is; warnings there are other packages' own.
test-all: setup model-env .venvs/iedf-edit/.tested
	$(BIN)/pytest --numprocesses auto
	.venvs/iedf-edit/bin/python -m pytest -o filterwarnings= iedf_assets_tests/model_envs/qwen

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks
