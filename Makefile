# A thin front: each target is one or two plain commands, shown in README.md as well.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
FIGURES ?= runs/figures
# For pip, such as --extra-index-url of CPU builds of torch
PIP_ARGS ?=

.PHONY: demo test check test-slow figures figures-table tour constraints clean

demo: $(VENV)/.installed ## train and compare three networks on real handwritten digits
	$(BIN)/cnnlab compare convnet_mnist alexnet_mnist3 resnet20 --data digits --seeds 3 --out demo

test: check ## format, lint, types, and the default tests
	$(BIN)/python -m pytest -q

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

test-slow: $(VENV)/.installed ## the longer tests too
	$(BIN)/python -m pytest -q -m 'not network and not tensorflow' --timeout 3600

figures: $(VENV)/.installed ## train what the table in README.md needs (hours), then write the table
	$(BIN)/cnnlab compare lenet5 convnet_mnist alexnet_mnist3 alexnet_mnist5 resnet20 \
	  --data mnist --seeds 3 --out $(FIGURES) --save docs/figures/mnist
	$(MAKE) figures-table

figures-table: $(VENV)/.installed ## write the tables in README.md from docs/figures
	$(BIN)/python scripts/readme.py

tour: $(VENV)/.installed ## run the tour in README.md and paste what it prints
	$(BIN)/python scripts/readme.py --tour

constraints: ## pin the versions that the environment holds now
	$(PYTHON) scripts/pin.py $(BIN)/python

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## remove the environment, the demo's runs and caches; never runs/
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .hypothesis
