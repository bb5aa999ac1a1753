# Every target sets up what it needs; a fresh machine needs only Python 3.11 (or newer) and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test crash redteam check bench clean help curl debian peers parity chaos long
help:            ## what there is
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ -/'

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); this takes a minute or two the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[delta,examples,pkcs11,postgres,redis,sql]' --group dev
	@$(BIN)/python -m compileall -q src
	@touch $@

demo: $(READY)   ## the whole line on real flights, from raw rows to a traced prediction
	@$(BIN)/python examples/flights/demo.py

test: $(READY) debian  ## all tests
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal

crash: $(READY)  ## a run killed at every point of the line, which must go on; make test kills at a few
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m crash

long: $(READY)   ## the whole line again and again: every kind of bad input, every way to derive; the oldest Polars and NumPy
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m long

chaos: $(READY) debian  ## online stores that are full, cut off, killed, emptied, away, and written by two at once
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m chaos

redteam: $(READY)  ## every attack of the catalogue on every tier, then every check switched off in turn
	@$(BIN)/python tests/redteam/run.py

parity: $(READY) ## every function and window by both compilers, tens of millions of values, compared bit by bit
	@$(BIN)/python -m tests.parity.run

check: $(READY) curl  ## format, lint, types, import contracts, the map of the house, the examples in the docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy src examples tools
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/house.py --check
	@$(BIN)/python -m pytest -q docs README.md

curl:
	@command -v curl >/dev/null || { apt-get update -qq && apt-get install -y -qq curl; }

debian:          # a token in software and a Redis server; where they cannot be installed, the tests that need them say so
	@{ command -v softhsm2-util && command -v redis-server; } >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq softhsm2 redis-server; } >/dev/null 2>&1 \
		|| echo "Not here (apt-get install softhsm2 redis-server): the tests that need them are skipped."

bench: $(READY)  ## what governance costs, as ratios to the floor measured in the same run
	@$(BIN)/python bench/run.py

peers: $(READY)  ## three attacks on MLflow, Dagster and andon, each as installed; a training set by Feast and andon
	@$(BIN)/python benchmarks/peers/run.py
	@$(BIN)/python benchmarks/feast/run.py

clean:           ## remove the environment and everything built
	rm -rf $(VENV) build dist
