# What a fresh machine needs: Python >= 3.11, git and make. Everything else is made below .venv.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint docs lock chaos soak fuzz clean

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := core plugins/ib plugins/ib_docker plugins/ib_sim
MANIFESTS := pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
EDITABLE := $(addprefix -e ,$(PACKAGES))
WORKERS ?= 2

help: ## Show the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.run ## Trade real prices against the simulated gateway; ends with a chart.
	@echo "==> posei demo"
	@$(BIN)/posei demo

test: $(VENV)/.dev ## Lint, types, layers, tests with coverage, wheels in a clean environment.
	@echo "==> tests (on $(WORKERS) workers; style, types and layers are tests too)"
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report= $(ARGS)
	@echo "==> branch coverage: core must reach 90 %"
	@$(BIN)/coverage report --include='core/src/*' --fail-under=90 --skip-covered --format=total
	@echo "==> all green"

lint: $(VENV)/.dev ## Style, types and layers only; mends what can be mended.
	@echo "==> ruff"
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@echo "==> mypy"
	@$(BIN)/mypy
	@echo "==> import contracts"
	@$(BIN)/lint-imports --no-cache

soak: $(VENV)/.dev ## Live through a simulated week of restarts and faults; prints what it took.
	@POSEI_SOAK_DAYS=$${POSEI_SOAK_DAYS:-7} $(BIN)/python -m pytest -q -s plugins/ib/tests/resilience/test_soak.py

fuzz: $(VENV)/.dev ## Feed the client a million damaged messages; prints what came of them.
	@POSEI_FUZZ_INPUTS=$${POSEI_FUZZ_INPUTS:-1000000} $(BIN)/python -m pytest -q plugins/ib/tests/client/test_fuzz_corpus.py

chaos: $(VENV)/.dev ## A thousand runs of hundreds of random orders under random faults, and kills.
	@echo "==> chaos: node, store and venue must agree after every run"
	@POSEI_CHAOS_RUNS=$${POSEI_CHAOS_RUNS:-1000} POSEI_CHAOS_ORDERS=$${POSEI_CHAOS_ORDERS:-220} \
	  POSEI_KILL_RUNS=$${POSEI_KILL_RUNS:-50} $(BIN)/python -m pytest -q -n $(WORKERS) \
	  plugins/ib/tests/execution/test_chaos.py plugins/ib/tests/execution/test_kill.py $(ARGS)

docs: $(VENV)/.dev ## Build the documentation into site/.
	@$(BIN)/mkdocs build --strict

lock: $(VENV)/.dev ## Resolve the dependencies anew and pin them.
	@echo "==> resolving"
	@$(BIN)/uv lock --quiet --upgrade
	@$(BIN)/uv export --quiet --frozen --no-header --no-annotate --no-emit-workspace \
	  --all-extras --all-packages --no-default-groups -o requirements/run.txt > /dev/null
	@$(BIN)/uv export --quiet --frozen --no-header --no-annotate --no-emit-workspace \
	  --all-extras --all-packages --all-groups -o requirements/dev.txt > /dev/null

clean: ## Remove everything that was made.
	@rm -rf $(VENV) dist site .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A Python that is new enough, or one clear line.
$(VENV)/bin/python:
	@echo "==> making $(VENV)"
	@for p in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
	  if command -v $$p > /dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; \
	  then found=$$p; break; fi; done; \
	if [ -z "$${found:-}" ]; then echo "posei-trader needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	$$found -c 'import venv, ensurepip' 2> /dev/null || { echo "posei-trader needs the venv module of $$found: on Debian, apt install python3-venv" >&2; exit 1; }; \
	$$found -m venv $(VENV)

$(BIN)/uv: requirements/bootstrap.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.run: requirements/run.txt $(MANIFESTS) | $(BIN)/uv
	@echo "==> installing what runs (about a minute the first time)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "==> installing what tests need"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@
