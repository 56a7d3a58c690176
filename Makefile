# make demo: a small simulated sample through the whole filter.  make test: lint, types and tests.
# Both make their own environment in .venv and need nothing but Python 3.11 or newer with pip, and make.
#   make test PYTHON=python3.12    another Python       make test VENV=/tmp/env    another place
#   make test PYTEST_ARGS="-k vcf"                      some of the tests
# The environment is made again only when pyproject.toml, setup.cfg or constraints.txt change.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo test clean

VENV ?= .venv
PYTHON ?=
PYTEST_ARGS ?=
DECLARED := pyproject.toml setup.cfg constraints.txt
# Programs of the environment come first, for tests that start them.
export PATH := $(abspath $(VENV))/bin:$(PATH)

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.installed-core
	@$(VENV)/bin/pileup-filter demo --out demo-output

test: $(VENV)/.installed-test
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest $(PYTEST_ARGS)

clean:
	rm -rf "$(VENV)" demo-output build

$(VENV)/.made: .ci/make-venv
	@.ci/make-venv "$(VENV)" "$(PYTHON)"
	touch "$@"

$(VENV)/.installed-core: $(VENV)/.made $(DECLARED) .ci/pip-install
	@.ci/pip-install "$(VENV)" -e .
	touch "$@"

$(VENV)/.installed-test: $(VENV)/.made $(DECLARED) .ci/pip-install
	@.ci/pip-install "$(VENV)" -e '.[test,train,report]'
	touch "$@" "$(VENV)/.installed-core"
