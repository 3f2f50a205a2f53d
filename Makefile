# `make help` lists what there is to make. Nothing here needs more than git, make, Python, Go and Debian's packages.

PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aws-oci-libreswan
RUN := .venv/bin/python -m
TYPED := bench ci commands components host/keeper lab policy tests __main__.py
LOCK := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# $(call timed,name,command): what is being done, and how long it took.
timed = @echo "== $(1)"; started=$$(date +%s); $(2) && echo "== $(1): $$(($$(date +%s) - started)) s"

.DEFAULT_GOAL := help
.PHONY: help install lab lab-status lab-shell lab-down doctor field-report test test-long test-quick lint types bench lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: ## the Python environment, linked as .venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'error: please install Python 3.11 or newer with its venv module (or name one: make PYTHON=...)' >&2; exit 1; }
	@$(PYTHON) -m lab.setup.environment

lab: install ## both clouds on this machine: up, boot, ping (LAB=name, LAB_RULE=1: without machines)
	@$(RUN) lab up

lab-status: install ## measure the lab again, and what its declared rules let through
	@$(RUN) lab status

lab-shell: install ## a terminal on the lab's host, or IN=client, vcn-host, headend-1, headend-2, internet, vpc
	@$(RUN) lab shell $(IN)

lab-down: install ## destroy the lab, and end all that runs
	@$(RUN) lab down

doctor: install ## in your own accounts, before the first `up`: what would go wrong (STACK=name; changes nothing)
	@STACK=$(STACK) $(RUN) commands doctor </dev/null

field-report: install ## after an `up` in your own accounts: what the clouds showed, without ids and secrets (STACK=name)
	@STACK=$(STACK) $(RUN) commands field-report </dev/null

# An engine waits for the clouds half of its time: four workers keep two cores busy. Machines do so by themselves (with a
# third lab all boots take twice as long), and must not wait for engines; where seconds are promised, one lab has both.
test: lint types ## everything that is claimed
	$(call timed,engine and disk images,$(RUN) tests.ready)
	$(call timed,tests,$(RUN) pytest --ignore tests/lab --numprocesses 4 --dist loadfile --no-loadscope-reorder)
	$(call timed,tests with machines,$(RUN) pytest tests/lab --ignore tests/lab/faults --numprocesses 2 --dist loadscope --durations 20)
	$(call timed,tests with faults,$(RUN) pytest tests/lab/faults --durations 20)

test-long: install ## what `make test` has no time for: more kinds of stack, Debian 12, long outages, all packet sizes
	$(call timed,engine and disk images,$(RUN) tests.ready --long)
	$(call timed,killed engines and refused creates,$(RUN) pytest tests/engine -m long --numprocesses 2 --dist loadfile)
	$(call timed,more kinds of stack,$(RUN) pytest tests/lab --ignore tests/lab/faults -m long --numprocesses 2 --dist loadscope)
	$(call timed,faults on Debian 12,LAB_HOST_OS=debian-12 $(RUN) pytest tests/lab/faults)
	$(call timed,long faults,$(RUN) pytest tests/lab/faults -m long)

test-quick: lint ## lint, pure functions and the program under mocks
	$(call timed,tests,$(RUN) pytest tests/pure tests/program)

lint: install ## format and lint
	$(call timed,ruff check,$(RUN) ruff check .)
	$(call timed,ruff format,$(RUN) ruff format --check .)

types: install ## mypy --strict (5 GB and 90 s when its cache is cold)
	$(call timed,mypy,$(RUN) mypy --cache-dir $(CACHE)/mypy $(TYPED))

bench: install ## measurements; results go to bench/
	@$(RUN) bench
	@$(RUN) bench.boot
	@$(RUN) bench.faults
	@$(RUN) bench.throughput

lock: install ## the lock files, from their .in files
	$(LOCK) --upgrade requirements.in --output-file requirements.txt
	$(LOCK) --upgrade requirements-lab.in --output-file requirements-lab.txt
	$(LOCK) --upgrade policy/requirements.in --output-file policy/requirements.txt
