# Every target makes and fills .venv when it has to, and is quick when that is done.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file of tests stays in one process, for its tests share the episodes that they run.
PYTEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench peers pictures trainers

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/with-render ## tell one episode hazard by hazard and write demo.gif
	$(BIN)/stalegrid demo

test: $(VENV)/with-dev-render ## set up and run the quick tests
	$(PYTEST)

test-all: $(VENV)/with-dev-render-plot-learn ## run every test; takes long, fetches torch
	$(PYTEST) -m ""

# Each has an environment of its own, for they disagree on versions. One at a time: make trainers TRAINERS=sb3
TRAINERS := sb3 torchrl rllib
trainers: $(TRAINERS:%=trainer-%) ## train with other people's libraries; fetches much, takes long

# Nets this small do not gain from threads, and threads that wait for one another cost a busy machine dearly.
.PRECIOUS: .trainers/%/filled
trainer-%: .trainers/%/filled
	OMP_NUM_THREADS=1 .trainers/$*/bin/pytest -m "" tests/trainers/test_$*.py

# One after the other, the tests last: their closing lines close the output.
check: $(VENV)/with-dev-render ## lint, types and the quick tests: what .ci/run runs
	$(BIN)/ruff check
	$(BIN)/mypy
	$(PYTEST)

bench: $(VENV)/with-core ## measure agent-steps per second
	$(BIN)/stalegrid bench

peers: .trainers/peers/made ## put speed beside that of other grid worlds; fetches them
	.trainers/peers/bin/python examples/benchmarks/peers.py

pictures: $(VENV)/with-render-plot ## draw the pictures of the README and the docs again
	$(BIN)/python examples/pictures.py

# A stamp for each set of extras; a change of pyproject.toml makes them old.
$(VENV)/with-core: extras =
$(VENV)/with-render: extras = [render]
$(VENV)/with-render-plot: extras = [render,plot]
$(VENV)/with-dev-render: extras = [dev,render]
$(VENV)/with-dev-render-plot-learn: extras = [dev,render,plot,learn]

$(VENV)/with-%: pyproject.toml $(VENV)/made
	@echo "Filling $(VENV) with stalegrid$(extras); the first time takes a minute or two."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(extras)'
	@touch $@

# The CPU build of torch first, so that the extra finds it there and does not fetch the one with CUDA.
$(VENV)/with-dev-render-plot-learn: $(VENV)/with-torch
$(VENV)/with-torch: examples/trainers/torch.txt $(VENV)/made
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.trainers/%/filled: examples/trainers/%.txt examples/trainers/torch.txt pyproject.toml $(VENV)/made
	@echo "Filling .trainers/$* with $*; that takes minutes."
	@$(BIN)/python -m venv .trainers/$*
	@.trainers/$*/bin/pip install --quiet --disable-pip-version-check --requirement examples/trainers/torch.txt
	@.trainers/$*/bin/pip install --quiet --disable-pip-version-check --requirement $< --editable . "pytest>=8.3"
	@touch $@

.trainers/peers/made: examples/benchmarks/peers.txt pyproject.toml $(VENV)/made
	@echo "Filling .trainers/peers with other grid worlds; that takes minutes."
	@$(BIN)/python -m venv .trainers/peers
	@.trainers/peers/bin/pip install --quiet --disable-pip-version-check --requirement $< --editable .
	@touch $@

$(VENV)/made:
	@command -v $(PYTHON) > /dev/null || { echo "StaleGrid needs Python 3.11 or newer; there is no '$(PYTHON)' here. Say: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "StaleGrid needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Say: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@
