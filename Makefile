# Everything a newcomer or a contributor runs. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Setuptools warns of every editable installation; what it warns of does not concern this folder.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check -q
PYTEST_ARGS ?=
# A file of tests belongs to one worker; the quick ones come last and fill the gaps.
WORKERS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo check test machine bench conformance fix lock schemas shots clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.venv/run.stamp: requirements/run.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Placet needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --no-deps -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/run.stamp ## Make .venv and leave .venv/bin/placet usable

demo: setup ## See the whole story in the browser: nothing to set up, no account
	@$(BIN)/placet demo $(DEMO_ARGS)

check: .venv/dev.stamp ## Format, lint, types, import contracts, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.generated --check

fix: .venv/dev.stamp ## Format, and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: .venv/dev.stamp ## Write the generated files again (JSON Schemas, OpenAPI, manifest)
	$(BIN)/python -m tests.generated --write

test: .venv/dev.stamp ## Install what the tests need, and run them all
	bash tests/install.sh
	$(BIN)/pytest -q $(WORKERS) $(PYTEST_ARGS)

RUNS ?= 5000
machine: .venv/dev.stamp ## Try every order of acts, edits, clocks and crashes: RUNS=5000 takes half an hour
	$(BIN)/python -m tests.properties.desk_machine.long_run --runs $(RUNS) $(MACHINE_ARGS)

bench: .venv/dev.stamp ## What judging a call costs, as ratios
	$(BIN)/python -m tests.bench.policy

conformance: .venv/dev.stamp ## Score the gateway and its client with the official MCP suite
	bash tests/install.sh
	$(BIN)/python -m tests.conformance.run --quiet
	$(BIN)/python -m tests.conformance.run --client --quiet

shots: .venv/dev.stamp ## Screenshots of every page into docs/screenshots/
	bash tests/install.sh
	$(BIN)/python -m tests.browser.shots docs/screenshots

lock: .venv/dev.stamp ## Pin the dependencies again (hashes, no addresses)
	$(PIP) install uv
	for f in run:pyproject.toml "dev:--extra dev pyproject.toml" mcp1:requirements/mcp1.in fastmcp:requirements/fastmcp.in; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade $${f#*:} -o requirements/$${f%%:*}.txt; done

clean: ## Remove what was made here, but no data
	rm -rf .venv .venv-mcp1 .venv-fastmcp tests/npm/node_modules tests/conformance/node_modules tests/matrix/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
