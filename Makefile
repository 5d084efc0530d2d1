# The commands that a user and a developer need; `make help` lists them.

# Interpreter that makes the environment: make train PYTHON=python3.12
PYTHON ?= python3
# Folder of the environment; one that exists already is used as it is: make train VENV=path/to/environment
VENV ?= .venv
# Further settings of a training: make train ARGS="trainer.max_epochs=5 seed=1"
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.soundglass-installed

.DEFAULT_GOAL := help
.PHONY: help env train train-multilabel test test-slow lint format clean

help: ## list these targets
	@echo "usage: make TARGET [PYTHON=python3.12] [VENV=path/to/environment] [ARGS=\"key=value ...\"]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

env: $(STAMP) ## make the environment, or bring it up to date with pyproject.toml

train: env ## train the by-design model and its black-box twin on the built-in sound scenes
	$(BIN)/python train.py experiment=sound_scenes_by_design twin=true $(ARGS)

train-multilabel: env ## the same on scenes with one to three sources each
	$(BIN)/python train.py experiment=sound_scenes_multilabel_by_design twin=true $(ARGS)

test: env ## run the tests (a few minutes)
	$(BIN)/python -m pytest

test-slow: env ## run the tests that train to a figure, measure speed or read whole data sets
	$(BIN)/python -m pytest -m slow

lint: env ## check style and types, changing nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: env ## rewrite the code in the project's style
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## remove caches of the tools; runs, the environment and cached recordings stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Done once, and again whenever pyproject.toml changes. uv installs in seconds what takes pip minutes; where it cannot
# be had or does not know the machine's package settings, pip does the work.
$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: Python 3.11 or newer is needed, but PYTHON=$(PYTHON) is" \
			"$$($(PYTHON) --version 2>/dev/null || echo 'not there'); name another, such as PYTHON=python3.12" >&2; \
		exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: Python 3.11 or newer is needed, but VENV=$(VENV) has $$($(BIN)/python --version);" \
			"remove it or name another" >&2; \
		exit 1; }
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv || echo "uv cannot be had; pip takes minutes instead"
	{ test -x $(BIN)/uv && $(BIN)/uv pip install --python $(BIN)/python -e ".[dev]"; } \
		|| $(BIN)/python -m pip install -e ".[dev]"
	@touch $@
