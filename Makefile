# Everything a contributor needs. Works with python3 (3.11 or newer) alone; uses uv when it is there.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TASK ?= examples/california-housing
PRESET ?= quick
EXTRAS := dev studio catboost

.DEFAULT_GOAL := help
.PHONY: help demo test check docs format lock audit browser
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Set up and run the example to a scored submission (about 2 minutes after set-up)
	$(BIN)/mle-star run $(TASK) --preset $(PRESET)

# One worker more than CI has cores: many tests wait for processes, servers and clocks.
test: $(VENV)/.installed-dev ## Set up with everything and run all tests
	$(BIN)/pytest -n 3 --dist worksteal

check: $(VENV)/.installed-dev ## Format, lint, types and import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest tests/test_imports.py tests/test_import_rules.py

docs: $(VENV)/.installed-dev ## Build the pages of docs/ as a site, build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.installed-dev ## Format the code and mend what lint can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

browser: ## Install Chromium, for the tests of the report's page (Debian and Ubuntu, as root)
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	else echo "Install Chromium by hand: only root can do it here, and only with apt-get" >&2; exit 1; fi

audit: $(VENV)/.installed-dev ## Look up known holes in the installed versions (needs the network)
	@if command -v uv >/dev/null; then uvx pip-audit --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')"; \
	else $(BIN)/python -m pip install --quiet pip-audit && $(BIN)/pip-audit --local; fi

lock: ## Write uv.lock and constraints.txt again (needs uv)
	uv lock
	uv export --quiet --frozen --all-extras --no-hashes --no-emit-project --no-annotate --no-header -o constraints.txt

# The stamps are older than these files exactly when something must be installed (again).
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install,)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install,$(EXTRAS))
	@touch $(VENV)/.installed $@

$(BIN)/python:
	@python=""; for candidate in $(PYTHON) python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "mle-star needs Python 3.11 or newer, and '$(PYTHON)' is $$(command -v $(PYTHON) >/dev/null && $(PYTHON) --version 2>&1 || echo missing); name another one: make demo PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	if command -v uv >/dev/null; then uv venv --quiet --python "$$python" $(VENV); \
	elif ! "$$python" -m venv $(VENV); then \
	  rm -rf $(VENV); \
	  echo "'$$python -m venv' does not work here; on Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; \
	fi

# $(1): extras, separated by blanks. uv takes the versions of uv.lock and pip those of constraints.txt, which are the
# same; where they can't be had, whatever versions fit are taken.
comma := ,
empty :=
wanted = .$(if $(1),[$(subst $(empty) ,$(comma),$(1))])
define install
echo "Installing mle-star into $(VENV) (a few minutes the first time)"; \
if command -v uv >/dev/null; then \
  uv sync --frozen --inexact --quiet --compile-bytecode $(addprefix --extra ,$(1)) \
  || uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '$(wanted)'; \
else \
  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(wanted)'; \
fi
endef
