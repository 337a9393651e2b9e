# Everything sets itself up, each target no more than it needs, and anew when the pins change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)
# Tests run side by side; a BLAS or a torch with threads of its own would only get in the way.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
# The same code is imported by hundreds of processes: it is compiled once, whatever the surroundings say.
export PYTHONDONTWRITEBYTECODE :=
# How many examples laws are tried on: `fast` or `default`.
EXAMPLES := fast

.DEFAULT_GOAL := help
.PHONY: help setup models model-env demo test test-slow test-models test-readers test-all check dev bench

help:
	@echo "make demo      sample photos in, a dataset out (sets everything up)"
	@echo "make dev       the Dagster UI on http://127.0.0.1:3000"
	@echo "make test      the fast tests"
	@echo "make test-all  all tests; make test-slow: all but the fast ones"
	@echo "make test-readers  trainers' own readers on exports, where their checkouts are named"
	@echo "make check     format, lint, order of rooms, types, files for containers and CI"
	@echo "make models    the small segmentation network in models/; part of setting up"
	@echo "make model-env the models' environments as venvs in .venvs/, for where there is no conda"
	@echo "make bench     the benchmarks"

# What is installed for what.
DEMO := demo
TEST := $(DEMO),export,onnxruntime,postgres,ray,test
CHECK := $(TEST),bench,check
BENCH := $(DEMO),bench

PIP := -m pip install --quiet --disable-pip-version-check
# uv does in seconds what takes pip a minute; where it is not to be had or finds a package not, there is pip.
install = $(UV) pip install --quiet --compile-bytecode --python $(1)/bin/python $(2) || $(1)/bin/python $(PIP) $(2)
extras = $(call install,.venv,--constraint constraints.txt --editable '.[$(1)]')

.venv/.made: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(if $(filter $(BIN)/uv,$(UV)),-$(BIN)/python $(PIP) --constraint constraints.txt uv)
	@touch $@

.venv/.demo: .venv/.made
	$(call extras,$(DEMO))
	@touch $@

.venv/.test: .venv/.demo
	$(call extras,$(TEST))
	@touch $@

.venv/.check: .venv/.test
	$(call extras,$(CHECK))
	@touch $@

setup: .venv/.demo models

# Says so where there is no network, and goes on.
models: .venv/.demo
	@$(BIN)/python -m model_envs.fetching

# The same pins as model_envs/*/environment.yml, which conda takes. Torch by pip: uv would take it from where
# builds for GPUs lie, whatever pip is told.
.venvs/iedf-%/.installed: model_envs/%/environment.yml model_envs/requirements.py | .venv/.made
	$(PYTHON) -m venv $(@D)
	$(PYTHON) -m model_envs.requirements $* > $(@D)/pins.txt
	grep '^torch==' $(@D)/pins.txt | xargs $(@D)/bin/python $(PIP)
	$(call install,$(@D),--requirement $(@D)/pins.txt)
	@touch $@

.venvs/iedf-edit/.tested: .venvs/iedf-edit/.installed
	$(call install,$(@D),--constraint constraints.txt pytest pytest-xdist)
	@touch $@

model-env: .venvs/iedf-layered/.installed .venvs/iedf-edit/.installed

demo: setup
	$(BIN)/iedf demo

dev: setup
	$(BIN)/iedf dev

test: .venv/.test models
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not slow" --hypothesis-profile $(EXAMPLES)

test-slow: .venv/.test models model-env test-models
	$(BIN)/pytest --numprocesses auto --dist worksteal -m slow --hypothesis-profile $(EXAMPLES)

# The tests of the model backends run where torch is; warnings there are other packages' own.
test-models: .venvs/iedf-edit/.tested
	.venvs/iedf-edit/bin/python -m pytest --numprocesses auto -o filterwarnings= iedf_assets_tests/model_envs/qwen

# Trainers' own readers on exports, where IEDF_DIFFSYNTH or IEDF_MUSUBI name a checkout: docs/training.md.
test-readers: .venv/.test models
	$(BIN)/pytest iedf_assets_tests/trainers iedf_assets_tests/core/exporting/formats

# FAST=done leaves out the fast tests, where they have just been run.
test-all: EXAMPLES := all
test-all: $(if $(filter done,$(FAST)),,test) test-slow

check: .venv/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/hadolint deploy/Dockerfile deploy/Dockerfile.layered deploy/Dockerfile.edit
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml

bench: setup
	$(call extras,$(BENCH))
	$(BIN)/python -m benchmarks
