# `make help` lists what there is to make. Nothing here needs more than git, make, Python, Go and Debian's packages.

PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aws-oci-libreswan
RUN := .venv/bin/python -m
LONG_TESTS := $(RUN) pytest --record bench/long_
QUICK_TESTS := tests/pure tests/program
TYPED := bench ci commands components host/keeper lab policy tests __main__.py
LOCK := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# $(call timed,name,command): what is being done, and how long it took.
timed = @echo "== $(1)"; started=$$(date +%s); $(2) && echo "== $(1): $$(($$(date +%s) - started)) s"

new_enough = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo 'error: please install Python 3.11 or newer with its venv module (or name one: make PYTHON=...)' >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help install lab lab-status lab-shell lab-down doctor field-report test test-lab test-long test-quick \
	engine ready lint types bench lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: ## the Python environment, linked as .venv
	$(new_enough)
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

# An engine waits for the clouds half of its time: five workers keep two cores busy. Machines do so by themselves, but for the
# minutes in which the first one boots: the quick tests have what it leaves, and are over before seconds are promised.
test: ## everything that is claimed, but for what takes hours
	@$(MAKE) --no-print-directory --jobs 3 engine lint types ready
	$(call timed,tests with clouds,$(RUN) pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder \
		--ignore tests/lab $(addprefix --ignore ,$(QUICK_TESTS)))
	@$(MAKE) --no-print-directory --jobs 2 test-lab test-quick

test-long: install ## what `make test` has no time for: more kinds of stack, Debian 12, long outages; written to bench/long_*.md
	$(call timed,engine and disk images,$(RUN) tests.ready --long)
	$(call timed,killed engines and refused creates,$(LONG_TESTS)engines.md tests/engine -m long --numprocesses 6 --dist worksteal)
	$(call timed,more hosts and kinds of stack,$(LONG_TESTS)boots.md tests/lab/boots -m long --numprocesses 2 --dist loadscope)
	$(call timed,faults on Debian 12,LAB_HOST_OS=debian-12 $(LONG_TESTS)debian_12.md tests/lab/faults)
	$(call timed,long faults,$(LONG_TESTS)faults.md tests/lab/dev tests/lab/faults -m long)

test-lab: install ready ## one lab with its machines: the truth table, faults and what they cost
	$(call timed,tests with machines,$(RUN) pytest tests/lab --durations 20)

test-quick: lint ## lint, pure functions and the program under mocks
	$(call timed,quick tests,nice -n 19 $(RUN) pytest --quiet $(QUICK_TESTS))

engine: ## the Pulumi engine, built where none is installed; needs no environment
	$(new_enough)
	$(call timed,engine,$(PYTHON) -m lab.engine.install >/dev/null)

ready: install ## what the tests need and takes minutes to make
	$(call timed,engine and disk images,$(RUN) tests.ready)

lint: install ## format and lint
	$(call timed,ruff check,$(RUN) ruff check .)
	$(call timed,ruff format,$(RUN) ruff format --check .)

types: install ## mypy --strict (a quarter of a minute when its cache is cold)
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
