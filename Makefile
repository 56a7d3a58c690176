# make demo: a small simulated sample through the whole filter.  make test: lint, types and tests.
# Both make their own environment in .venv and need nothing but Python 3.11 or newer with pip, and make.
#   make test PYTHON=python3.12    another Python       make test VENV=/tmp/env    another place
#   make test PYTEST_ARGS="-k vcf"                      some of the tests
# make docs: the documentation site in build/docs, links checked.  make test-oldest: kernel, reader and command tests with the oldest
# versions that pyproject.toml declares, in .venv-oldest.
# make test-hard: hostile values, bcftools' options, kills, limits, same bytes (tests/hostile).  make test-all: what takes longer, too,
# and the same bytes with the oldest numba and torch.
# make test-packages: sdist, wheel and SBOM made, the wheel tried in .venv-wheel; containers, recipes, scripts, wrappers and the MultiQC
# plugin tried with the tools of .venv-tools.
# make fuzz: damaged files of every kind, FUZZ_CASES of them (1500).
# make test-gatk: behind real GATK (Java, Maven).
# make test-nextflow: the workflow by real Nextflow (Java, Maven), here and through Slurm (slurm-wlm, munge) on this machine.
# make test-serve: the server as a process: 1,000 requests, bad clients, signals, and its own description (schemathesis).
# make test-browser: pages in a real Chromium (chromium, chromium-driver, npm for axe-core), wide and narrow.
# The environment is made again only when pyproject.toml, setup.cfg or constraints.txt change.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo test test-hard test-all fuzz test-nextflow test-gatk test-serve test-browser test-oldest test-packages docs clean

VENV ?= .venv
PYTHON ?=
PYTEST_ARGS ?=
# Files of tests run beside one another, on so many processes.
PYTEST_JOBS ?= 2
FUZZ_CASES ?= 1500
# Real call sets for benchmarks/versions.py, where there are some.
OLDEST_DATA := $(addprefix --data ,$(wildcard ../shared/data))
DECLARED := pyproject.toml setup.cfg constraints.txt
# Programs of the environment come first, for tests that start them.
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Where suites leave what they tried, for docs/reliability.md (benchmarks/reliability.py); `make test` leaves nothing.
export VCFFILTER_RELIABILITY ?= $(abspath build/reliability)

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.installed-demo
	@$(VENV)/bin/pileup-filter demo --out demo-output

test: export VCFFILTER_RELIABILITY :=
test: $(VENV)/.installed-test
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n $(PYTEST_JOBS) --dist loadfile $(PYTEST_ARGS)

fuzz: $(VENV)/.installed-test
	@export VCFFILTER_RELIABILITY_COMMAND="make fuzz FUZZ_CASES=$(FUZZ_CASES)"
	$(VENV)/bin/python tests/fuzz/run.py --cases $(FUZZ_CASES)

test-nextflow: export PATH := $(PATH):$(abspath build/nextflow-tools)/bin
test-nextflow: $(VENV)/.installed-test build/nextflow-tools/.installed
	@.ci/nf-core-lint
	export VCFFILTER_RELIABILITY_SUITE=nextflow VCFFILTER_RELIABILITY_COMMAND="make test-nextflow"
	$(VENV)/bin/pytest tests/nextflow

# nf-core's linter, and MultiQC, which gets its plugin from the workflow; their own requirements are kept from the filter's.
build/nextflow-tools/.installed:
	@python3 -m venv --clear build/nextflow-tools
	build/nextflow-tools/bin/python -m pip install --quiet --disable-pip-version-check nf-core==4.2.1 multiqc==1.35
	touch "$@"

test-gatk: $(VENV)/.installed-test
	@export VCFFILTER_RELIABILITY_SUITE=gatk VCFFILTER_RELIABILITY_COMMAND="make test-gatk"
	$(VENV)/bin/pytest tests/gatk

# axe-core judges pages for people who see or move otherwise; nothing that ships needs it.
AXE := build/axe/node_modules/axe-core/axe.min.js
$(AXE):
	@npm install --prefix build/axe --no-save --no-audit --no-fund --silent axe-core@4.14.1

test-browser: $(VENV)/.installed-test $(AXE)
	@$(VENV)/bin/pytest tests/browser

test-hard: export VCFFILTER_RELIABILITY_SUITE := hard
test-hard: export VCFFILTER_RELIABILITY_COMMAND := make test-hard
test-hard: $(VENV)/.installed-test
	@$(VENV)/bin/pytest -m "hard and not long" $(PYTEST_ARGS) tests/hostile

test-all: export VCFFILTER_RELIABILITY_SUITE := long
test-all: export VCFFILTER_RELIABILITY_COMMAND := make test-all
test-all: export PATH := $(PATH):$(abspath build/nextflow-tools)/bin
test-all: test test-hard test-serve build/nextflow-tools/.installed $(VENV)-oldest/.installed
	@$(VENV)/bin/pytest -m long $(PYTEST_ARGS) tests tests/nextflow
	$(VENV)/bin/python benchmarks/versions.py $(VENV)-oldest/bin/pileup-filter $(VENV)/bin/pileup-filter --results build/results $(OLDEST_DATA)

test-serve: $(VENV)/.installed-test
	@export VCFFILTER_RELIABILITY_SUITE=serve VCFFILTER_RELIABILITY_COMMAND="make test-serve"
	$(VENV)/bin/pytest tests/serve_live

docs: $(VENV)/.installed-docs
	@$(VENV)/bin/python docs/make_commands.py --check || { echo "docs/commands.md is out of date: python docs/make_commands.py" >&2; exit 1; }
	$(VENV)/bin/python docs/make_manual.py --check
	$(VENV)/bin/python benchmarks/readme_figures.py --check
	$(VENV)/bin/python benchmarks/marks.py --check
	$(VENV)/bin/python benchmarks/reliability.py --check || { echo "docs/reliability.md is out of date: python benchmarks/reliability.py" >&2; exit 1; }
	$(VENV)/bin/python docs/make_notebook.py --check
	$(VENV)/bin/sphinx-build -W --keep-going -q -b html docs build/docs

# The programs of this environment come first, not those of $(VENV).
test-oldest: export PATH := $(abspath $(VENV)-oldest)/bin:$(PATH)
test-oldest: $(VENV)-oldest/.installed
	@$(VENV)-oldest/bin/pytest -n $(PYTEST_JOBS) --dist loadfile tests/kernels tests/variants tests/reads tests/commands

# The wheel's program comes first, then the tools, then those of $(VENV).
test-packages: $(VENV)/.installed-test $(VENV)-tools/.installed
	@export PATH="$(abspath $(VENV)-tools)/bin:$$PATH" VCFFILTER_PACKAGES="$(abspath build/dist)" VCFFILTER_RELIABILITY_SUITE=packages
	TORCH_FROM="$(VENV)" packaging/release.sh "$$VCFFILTER_PACKAGES" "$(VENV)-wheel"
	"$(VENV)-tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall build/dist/multiqc_*.whl
	PATH="$(abspath $(VENV)-wheel)/bin:$$PATH" VCFFILTER_RELIABILITY_COMMAND="make test-packages" $(VENV)/bin/pytest tests/packages

clean:
	rm -rf "$(VENV)" "$(VENV)-oldest" "$(VENV)-tools" "$(VENV)-wheel" demo-output build

$(VENV)/.made: .ci/make-venv
	@.ci/make-venv "$(VENV)" "$(PYTHON)"
	touch "$@"

$(VENV)/.installed-core: $(VENV)/.made $(DECLARED) .ci/pip-install
	@.ci/pip-install "$(VENV)" -e .
	touch "$@"

$(VENV)/.installed-test: $(VENV)/.made $(DECLARED) .ci/pip-install
	@.ci/pip-install "$(VENV)" -e '.[test,train,report,serve]'
	touch "$@" "$(VENV)/.installed-core"

# Pictures as PNG need what reports need.
$(VENV)/.installed-demo: $(VENV)/.installed-core
	@.ci/pip-install "$(VENV)" -e '.[report]'
	touch "$@"

$(VENV)/.installed-docs: $(VENV)/.installed-core
	@.ci/pip-install "$(VENV)" -e '.[docs]'
	touch "$@"

# No torch that is there: the oldest is asked for. Only what the core install takes, and what runs the tests.
$(VENV)-oldest/.installed: $(DECLARED) .ci/oldest-versions.txt
	@$(or $(PYTHON),python3) -m venv --clear "$(VENV)-oldest"
	"$(VENV)-oldest/bin/python" -m pip install --quiet --disable-pip-version-check -c .ci/oldest-versions.txt -e . pytest pytest-xdist hypothesis pillow pyyaml
	touch "$@"

# Pinned to the last: the tools' own demands are wide, and a resolver would need minutes. .ci/tools.txt says how it is made.
$(VENV)-tools/.installed: .ci/tools.txt
	@$(or $(PYTHON),python3) -m venv --clear "$(VENV)-tools"
	"$(VENV)-tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r .ci/tools.txt
	"$(VENV)-tools/bin/python" -m pip check
	touch "$@"
