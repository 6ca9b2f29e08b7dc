# The everyday commands. Nothing but Python 3.11 or later (and make) is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
SECONDS ?= 5

.PHONY: demo test check bench fuzz docs lock clean

demo: $(VENV)/.run ## Install into .venv and show a whole cycle over a made-up company
	$(BIN)/foreshore demo $(DEMO)

test: $(VENV)/.dev ## Everything, the slow tests as well
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev ## Format, lint, types, import contracts, documentation up to date
	$(BIN)/ruff format --check src tests benchmarks scripts
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/make_reference.py --check
	$(BIN)/python scripts/make_messages.py --check

bench: $(VENV)/.dev ## Measure what the targets name; JSON in benchmarks/results
	$(BIN)/python -m benchmarks.run

fuzz: $(VENV)/.dev ## Attack every reader for SECONDS; what fails is kept in tests/fuzz/found
	$(BIN)/python -m tests.fuzz.fuzz_readers --seconds $(SECONDS)

docs: $(VENV)/.dev ## Write the generated reference pages and the compiled translations again
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python scripts/make_messages.py

lock: ## Pin all requirements again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) demo build

$(VENV)/.run: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q src  # every reader is asked about every file: compiled once, not at each start
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@
