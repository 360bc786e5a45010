# Every target sets itself up; only Python (3.11 or later) and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup
setup: $(STAMP)

$(STAMP): pyproject.toml setup.py
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	POSTROAD_PURE=1 $(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@
