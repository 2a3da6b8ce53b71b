# `make` lists what can be made. POOL, PORT and WINNOW_HOME may stand on make's command line or in the environment:
# make hands both on to what it starts.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
# What is loaded of the packages is compiled when it is first loaded, and kept: compiling all of them takes two minutes.
INSTALL = bin/python -m pip install --disable-pip-version-check --quiet --no-compile --constraint constraints.txt --editable
unexport PYTHONDONTWRITEBYTECODE

# Each process gets neighbours, which share servers, indexes and runs that take long to make; whoever is done first
# takes over half of what the other still has.
PYTEST = pytest -n 2 --dist worksteal

# Two processes with spinning threads on two cores stall each other.
export OMP_WAIT_POLICY ?= PASSIVE
test test-base check: export OMP_NUM_THREADS = 1

.PHONY: help run test test-base check format constraints clean system-packages

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' Makefile

run: .venv/base ## open Winnow in the browser; POOL=/path/to/folder PORT=8000 WINNOW_HOME=~/.winnow
	@.venv/bin/winnow quickstart $${POOL:+"$$POOL"}

test: system-packages .venv/all ## run all tests (installs torch, 6 GB)
	.venv/bin/$(PYTEST)

test-base: system-packages .venv-base/dev ## run the tests that need no torch
	.venv-base/bin/$(PYTEST) -m "not torch"

check: system-packages .venv/all ## form, rules, types, walls and tests
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/$(PYTEST)

format: .venv/all ## put the code into its form
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

constraints: .venv/all ## note the installed versions as those that were tested
	{ sed '/^[^#]/d' constraints.txt; .venv/bin/python -m pip freeze --exclude-editable | \
		grep -viE '^(nvidia|cuda|triton|pip|setuptools)'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove the environments and what tools left behind; pools and labels stay
	rm -rf .venv .venv-base .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@.ci/system-packages

# Each file notes that an environment holds what pyproject.toml asks for.
.venv/base: pyproject.toml constraints.txt
	$(call environment,.venv)
	@echo "Installing Winnow into .venv; the first time takes a minute or two …"
	@.venv/$(INSTALL) '.[demo]'
	@touch $@

.venv/all: pyproject.toml constraints.txt
	$(call environment,.venv)
	@echo "Installing Winnow, torch and the tests' tools into .venv; the first time takes several minutes …"
	@.venv/$(INSTALL) '.[postgres,ml,timm,map,dev]'
	@touch $@ .venv/base

.venv-base/dev: pyproject.toml constraints.txt
	$(call environment,.venv-base)
	@echo "Installing Winnow and the tests' tools, without torch, into .venv-base …"
	@.venv-base/$(INSTALL) '.[postgres,dev]'
	@touch $@

define environment
	@test -n "$(PYTHON)" || { echo "Winnow needs Python 3.11 or newer; PYTHON=/path/to/python names one." >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { rm -rf $(1); \
		echo "Python's venv module is missing: install Debian's package python3-venv." >&2; exit 1; }
endef
