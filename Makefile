# `make help` lists what there is to make. Nothing here needs more than git, make, Python, Go and Debian's packages.

PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aws-oci-libreswan
RUN := .venv/bin/python -m
TYPED := bench commands components lab tests __main__.py
LOCK := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# $(call timed,name,command): what is being done, and how long it took.
timed = @echo "== $(1)"; started=$$(date +%s); $(2) && echo "== $(1): $$(($$(date +%s) - started)) s"

.DEFAULT_GOAL := help
.PHONY: help install lab lab-status lab-down test test-quick lint types bench lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: ## the Python environment, linked as .venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'error: please install Python 3.11 or newer with its venv module (or name one: make PYTHON=...)' >&2; exit 1; }
	@$(PYTHON) -m lab.setup.environment

lab: install ## both clouds on this machine: up, boot, ping
	@$(RUN) lab up

lab-status: install ## what runs in the lab
	@$(RUN) lab status

lab-down: install ## end what `make lab` started
	@$(RUN) lab down

test: lint types ## everything that is claimed
	$(call timed,engine,$(RUN) lab.engine.install)
	$(call timed,roots of the parsers,$(RUN) tests.parsers.roots)
	$(call timed,tests,$(RUN) pytest --numprocesses 2 --dist loadfile)

test-quick: lint ## lint, pure functions and the program under mocks
	$(call timed,tests,$(RUN) pytest tests/pure tests/program)

lint: install ## format and lint
	$(call timed,ruff check,$(RUN) ruff check .)
	$(call timed,ruff format,$(RUN) ruff format --check .)

types: install ## mypy --strict (5 GB and 90 s when its cache is cold)
	$(call timed,mypy,$(RUN) mypy --cache-dir $(CACHE)/mypy $(TYPED))

bench: install ## measurements; results go to bench/
	@$(RUN) bench

lock: install ## both lock files, from their .in files
	$(LOCK) --upgrade requirements.in --output-file requirements.txt
	$(LOCK) --upgrade requirements-lab.in --output-file requirements-lab.txt
