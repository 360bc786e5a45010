# Every target sets itself up; only Python (3.11 or later) and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
CODE := src tests tools setup.py $(wildcard bench examples)
SEED ?=
SOAK_MINUTES ?= 30

# Modules are compiled to bytecode once and kept: tests start hundreds of processes, and to collect
# the tests takes four times as long without.
export PYTHONDONTWRITEBYTECODE :=

# How far the C compiler goes (-O): three makes a message 3 % faster and the compilation a third longer.
OPT ?= 1
COMPILE = POSTROAD_OPT_LEVEL=$(OPT) $(BIN)/python tools/compiled.py

# The compiled variant stands before the editable install of src/.
COMPILED := PYTHONPATH=build/compiled
PYTEST := $(BIN)/python -m pytest -q
SPREAD := -n auto --maxprocesses 4 --dist worksteal

# Folders of tests/ that hold tests today. The kinds in ON_COMPILED run on the compiled variant,
# all others, and the quick ones of ALSO_PURE a second time, on the plain one.
KINDS := $(sort $(shell find tests -name 'test_*.py' 2>/dev/null | cut -d/ -f2))
ON_COMPILED := $(filter unit wire model sim,$(KINDS))
ALSO_PURE := $(filter unit wire,$(KINDS))
ON_PURE := $(filter-out $(ON_COMPILED),$(KINDS)) $(ALSO_PURE)

# $(call run,variant,kinds,options): a kind without tests is no run at all, so that pytest's
# "no tests collected" is always a failure.
run = $(if $(strip $(2)),$(1) $(PYTEST) $(SPREAD) $(3) $(addprefix tests/,$(2)),@echo "no tests here yet")

.PHONY: setup compiled serve fast lint test test-compiled test-pure sim replant soak coverage bench docs \
	golden clean

setup: $(STAMP)

$(STAMP): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "postroad needs Python 3.11 or later; try: make setup PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "installing Postroad and its tools into .venv ..."
	@POSTROAD_PURE=1 $(PIP) -e '.[dev]' || \
		{ echo "cannot install the dependencies: is a package index reachable (pip config list)?" >&2; \
		  exit 1; }
	@touch $@

.venv/.bench: $(STAMP)
	@echo "installing the peers of the benchmarks into .venv ..."
	@POSTROAD_PURE=1 $(PIP) -e '.[dev,bench]'
	@touch $@

compiled: setup
	@$(COMPILE)

serve: setup
	@$(COMPILE) || POSTROAD_PURE=1 $(COMPILE)
	@$(COMPILED) exec $(BIN)/python -m postroad serve ./postroad-data

lint: setup
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: setup
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(call run,,$(filter unit wire docs tidy,$(KINDS)))

# What CI runs. The lines of both runs are closed by pytest's own count.
test: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint compiled
	@$(MAKE) --no-print-directory test-compiled test-pure

test-compiled: compiled
	$(call run,$(COMPILED),$(ON_COMPILED))

test-pure: setup
	$(call run,,$(ON_PURE))

# One seed told as a story; without SEED a new one each time.
sim: setup
	@$(BIN)/python -m tests.sim.run $(if $(SEED),--seed $(SEED))

# After a change of the engine: seeds that show the planted faults in today's code.
replant: setup
	@$(BIN)/python -m tests.sim.replant

# Long runs: many seeds, many examples, every planted fault on fresh seeds.
soak: compiled
	$(COMPILED) POSTROAD_SOAK_MINUTES=$(SOAK_MINUTES) HYPOTHESIS_PROFILE=soak \
		$(PYTEST) $(addprefix tests/,$(filter unit wire model sim crash compat,$(KINDS)))

coverage: setup
	$(PYTEST) $(SPREAD) --cov --cov-report=term-missing:skip-covered $(addprefix tests/,$(KINDS))

bench: OPT = 3
bench: compiled .venv/.bench
	@$(COMPILED) $(BIN)/python -m bench

# Checks what the pages say: their code runs, their names and paths exist.
docs: setup
	$(call run,,$(filter docs examples,$(KINDS)))

# Rewrites the golden files; the diff is the review.
golden: setup
	POSTROAD_WRITE_GOLDEN=1 $(PYTEST) $(addprefix tests/,$(KINDS)) -k golden
	@git --no-pager diff --stat -- tests/golden

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
