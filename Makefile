# Two commands do everything on a machine with Python 3.11 or later, git and make: `make report`, `make test`.

PYTHON ?= python3
CASCADE ?= data/nhs-scotland

BIN := .venv/bin
READY := .venv/ready
# The tests run on all cores side by side: a linear algebra library with threads of its own only gets in the way.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

.PHONY: .venv report test test-browser lint bench calibrate calibrate-actions calibrate-whatif lock javascript clean

report: $(READY)
	@$(BIN)/kpilab report $(CASCADE)

test: lint
	$(PYTEST)
ifneq ($(NOTEBOOKS),)
	$(PYTEST) --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg $(NOTEBOOKS)
endif

test-browser: $(READY)
	$(ONE_THREAD) $(BIN)/python -m pytest tests/browser

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m tests.benchmarks

calibrate: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.benchmarks.calibration

calibrate-actions: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.benchmarks.calibration_actions

calibrate-whatif: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.benchmarks.calibration_whatif

# Writes the newest versions that pyproject.toml allows. Only names, versions and hashes: no download host.
lock: $(READY)
	$(BIN)/python -m uv pip compile pyproject.toml --all-extras --universal --generate-hashes --upgrade \
	    --no-emit-index-url --no-header --quiet --output-file requirements.lock

# Bundles the map editor's page into kpilab/delivery/static, which is committed: needs node and npm, only to change it.
javascript:
	cd javascript && npm install --silent --no-package-lock && npm run --silent build

# Keeps .venv: to build that anew, remove the folder.
clean:
	find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	git clean -fdXq -- reports

.venv: $(READY)

# uv installs in a tenth of the time; where it cannot be had, pip installs the same versions.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("kpilab needs Python 3.11 or later: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	    || { rm -rf .venv; echo "Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into .venv"
	@if $(BIN)/python -m pip install --quiet "$$(grep -o '^uv==[^ ]*' requirements.lock)" && \
	    $(BIN)/python -m uv pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps --require-hashes \
	        -r requirements.lock; \
	then :; else $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock; fi
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
