# Everything a checkout can do, each with one command and nothing installed beforehand.
#
#   make demo    build a data set from the footage in tests/data/footage
#   make test    style, types and all tests
#   make docs    write docs/reference anew from the code
#   make bench   start-up, store, decoding, measures (benchmarks/shots.py needs footage with ground truth)
#   make browser a headless browser for the test of the report (Debian, as root)
#   make clean   forget the environment and what the demo built

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: demo test lint docs bench browser clean help

VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq -c constraints.txt
# The versions in constraints.txt are those of Python 3.11, so that one is taken first.
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
# An environment that has everything needs no smaller one beside it.
FOR_DEMO := $(if $(wildcard $(VENV)/all.done),$(VENV)/all.done,$(VENV)/demo.done)

demo: $(FOR_DEMO)
	$(BIN)/curator build recipe=avatar sources.films.url=tests/data/footage/manifest.csv \
		out=$(DEMO)/releases store.root=$(DEMO)/store

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

lint: $(VENV)/all.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/all.done
	$(BIN)/python docs/generate.py

# VIDEO=... measures another one; a long 1080p film tells most.
VIDEO := tests/data/footage/juggle_720p.mp4
bench: $(VENV)/all.done
	$(BIN)/python benchmarks/cli.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/decode.py $(VIDEO)
	$(BIN)/python benchmarks/measures.py $(VIDEO)

# Missing is no failure: the test that needs a browser says why it is skipped.
browser:
	@command -v chromium >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq >/dev/null 2>&1 \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; \
	} || echo "make browser: chromium is missing and cannot be installed here"

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "curator needs Python 3.11 or newer; none was found on PATH (or say: make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/demo.done: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the demo needs into $(VENV) (about a minute)"
	@$(PIP) -e '.[audio,face]'
	@touch $@

$(VENV)/all.done: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing everything into $(VENV) (a few minutes)"
	@$(PIP) -e '.[all,test]'
	@touch $@
