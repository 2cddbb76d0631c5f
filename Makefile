PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train evaluate test test-slow test-slurm test-ray test-browser mutate docs lint format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(BIN)/.installed ## create .venv and install everything at the pinned versions

$(BIN)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version); set PYTHON="; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,sweeps,dashboard,pretrained,video,export]'
	@touch $@

train: setup ## the main job: EncNet + JPU on the generated set (more options by ARGS="key=value ...")
	$(BIN)/python src/train.py model=encnet_jpu $(ARGS)

evaluate: setup ## evaluate a checkpoint: make evaluate ARGS="checkpoint=PATH"
	$(BIN)/python src/evaluate.py $(ARGS)

test: setup ## the tests, four to five minutes on two cores
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

test-slow: setup ## every test
	$(BIN)/pytest $(ARGS)

test-slurm: setup ## sweeps on a Slurm of this machine alone, from Debian's packages (as root)
	$(BIN)/pytest -m slow tests/clusters/test_slurm.py $(ARGS)

test-ray: setup ## sweeps on Ray clusters of this machine alone
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[ray]'
	$(BIN)/pytest -m slow tests/clusters/test_ray.py $(ARGS)

test-browser: setup ## the results page, the local view and the demo in Chromium (needs Debian's: apt-get install chromium)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[demo]'
	$(BIN)/pytest -m slow tests/reporting/comparison/test_browser.py tests/tracking/test_sweep.py tests/prediction/test_page.py $(ARGS)

mutate: setup ## whether the tests notice mutations of the code (slow, half an hour): make mutate ARGS=sampling
	$(BIN)/python tests/mutate.py $(ARGS)

docs: setup ## the documentation as a site, build/site, with every option: make docs, then python -m http.server --bind 127.0.0.1 -d build/site
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	$(BIN)/python docs/making && $(BIN)/zensical build --strict --clean -f build/site.yml $(ARGS)

lint: setup ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: setup ## format the code and sort imports
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: ## pin the versions that .venv holds now
	$(BIN)/pip freeze --exclude-editable | grep -v '^fastfcn' > constraints.txt

clean: ## remove .venv and caches, keep outputs/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
