# A thin front: each target is one or two plain commands, shown in README.md as well.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
TENSORFLOW_VENV ?= .venv-tensorflow
MLFLOW_VENV ?= .venv-mlflow
# Where the runs behind docs/ lie; what is small of them is in the repository. Elsewhere, all are run again.
RUNS ?= docs/studies/runs
# Runs at once: two of one thread each get more out of two cores than one of two threads
JOBS ?= 2
# Tests at once, each in a process and with one thread of its own: one more than cores, since some wait for others
WORKERS ?= 3
# For pip, such as --extra-index-url of CPU builds of torch
PIP_ARGS ?=

.PHONY: demo test check test-slow test-tensorflow test-mlflow figures studies examples bench bench-bf16 bench-norm bench-lrn bench-recipes bench-serve exports page-runtime
.PHONY: figures-table tour golden correctness constraints constraints-tensorflow constraints-mlflow clean

demo: $(VENV)/.installed ## train and compare three networks on real handwritten digits
	$(BIN)/cnnlab compare convnet_mnist alexnet_mnist3 resnet20 --data digits --seeds 3 --out demo

test: check ## format, lint, types, and the default tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

test-slow: $(VENV)/.installed ## the longer tests too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not network and not tensorflow and not mlflow' --timeout 3600

test-mlflow: $(VENV)/.installed $(MLFLOW_VENV)/.installed ## runs shown on a real MLflow server, on this machine alone
	CNNLAB_MLFLOW_PYTHON=$(MLFLOW_VENV)/bin/python OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m mlflow

test-tensorflow: $(VENV)/.installed $(TENSORFLOW_VENV)/.installed ## exports in TensorFlow (an hour or two)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) -m tensorflow --timeout 1200

figures: $(VENV)/.installed ## train what is missing of the table in README.md (hours), then write the table
	$(BIN)/cnnlab compare lenet5 convnet_mnist alexnet_mnist3 alexnet_mnist5 resnet20 \
	  --data mnist --seeds 3 --jobs $(JOBS) --threads 1 --out $(RUNS) --save docs/studies/mnist
	$(MAKE) figures-table

studies: $(VENV)/.installed ## run what is missing of the studies in docs/ (hours; goes on after Ctrl-C), then write their tables
	$(BIN)/cnnlab study origins --jobs $(JOBS) --threads 1 --out $(RUNS) --save docs/studies
	$(BIN)/cnnlab study precision --jobs $(JOBS) --threads 1 --out $(RUNS) --save docs/studies
	$(BIN)/cnnlab study pretraining --jobs $(JOBS) --threads 1 --out $(RUNS) --save docs/studies
	$(MAKE) figures-table

examples: $(VENV)/.installed ## train what is missing of the reports in examples/ (hours), then write them
	PATH="$(abspath $(BIN)):$$PATH" sh examples/alexnets-on-mnist.sh --jobs $(JOBS) --threads 1
	PATH="$(abspath $(BIN)):$$PATH" sh examples/fashion-mnist.sh --jobs $(JOBS) --threads 1

# Programs that train to 99 % on MNIST in another way; see `cnnlab bench time-to --help`
MNIST_PEERS ?=
# Run folders that docs/export.md shows in every form, and exported files that docs/serve.md shows under load
RUNS_TO_EXPORT ?=
ONNX_TO_SERVE ?=
# A table is made anew only from what was measured to its end
define measured
	mkdir -p docs/performance
	$(BIN)/cnnlab bench $(2) --json > docs/performance/$(1).new
	mv docs/performance/$(1).new docs/performance/$(1).json
endef
# A goal that was missed (exit code 1) is a measurement too
define measured-goal
	mkdir -p docs/performance
	$(BIN)/cnnlab bench time-to $(2) --json > docs/performance/time-to-$(1).new || [ $$? -eq 1 ]
	mv docs/performance/time-to-$(1).new docs/performance/time-to-$(1).json
endef
OTHERS := --memory --peers plain --peers peers/tensorflow_steps.py

bench: $(VENV)/.installed $(TENSORFLOW_VENV)/.installed ## measure what docs/performance.md shows (half an hour of a quiet machine)
	$(call measured,train-lrn,train alexnet_mnist3 --variant model.args.lrn=false --batch-size 128 $(OTHERS))
	for process in 1 2 3 4 5; do $(MAKE) bench-norm PROCESS=$$process || exit 1; done
	$(call measured,train,train alexnet_mnist5 resnet20 lenet5 googlenet_small --batch-size 128 $(OTHERS))
	$(call measured,train-large,train alexnet-cifar10 --batch-size 32 --steps 2 $(OTHERS))
	$(call measured,infer,infer lenet5 alexnet_mnist3 alexnet_mnist5 resnet20 googlenet_small --plain)
	$(call measured,data,data lenet5 resnet20 convnet_mnist)
	$(if $(MNIST_PEERS),$(call measured-goal,mnist-99,mnist-99 --top1 99 --first-seed 400 $(MNIST_PEERS:%=--peers %)),@echo \
	  "mnist-99 stays as it was measured: name a program to measure it beside, MNIST_PEERS=FILE")
	$(MAKE) figures-table

bench-bf16: $(VENV)/.installed $(TENSORFLOW_VENV)/.installed ## the steps in both precisions, where a processor multiplies bf16 (half an hour)
	$(call measured,bf16-train-lrn,train alexnet_mnist3 --precision float32 --variant precision=bf16 \
	  --variant model.args.lrn=false --variant 'model.args.lrn=false; precision=bf16' --batch-size 128 $(OTHERS))
	$(call measured,bf16-train,train alexnet_mnist5 resnet20 lenet5 googlenet_small --precision float32 \
	  --variant precision=bf16 --batch-size 128 $(OTHERS))
	$(call measured,bf16-train-large,train alexnet-cifar10 --precision float32 --variant precision=bf16 --batch-size 32 \
	  --steps 2 $(OTHERS))
	$(MAKE) figures-table

# What LRN costs varies from process to process by more than within one
bench-norm: $(VENV)/.installed
	$(call measured,norm-$(PROCESS),train alexnet_mnist3 --variant model.args.lrn=false --batch-size 128 --rounds 11 --steps 4)

bench-lrn: $(VENV)/.installed ## LRN by itself beside PyTorch's and beside a copy; on a GPU if there is one
	OMP_NUM_THREADS=1 $(BIN)/python scripts/lrn_speed.py

bench-recipes: $(VENV)/.installed ## the same for the longer recipes of docs/performance.md (two hours)
	$(call measured-goal,mnist-995,mnist-995 --top1 99.5 --seeds 10)
	$(call measured-goal,mnist-997,mnist-997 --top1 99.7 --seeds 10)
	$(call measured-goal,mnist-997-five,mnist-997 --top1 99.75 --seeds 5 --first-seed 100)
	$(call measured-goal,cifar10-90,cifar10-90 --top1 90 --seeds 5)
	$(MAKE) figures-table

exports: $(VENV)/.installed $(TENSORFLOW_VENV)/.installed ## measure what docs/export.md shows: RUNS_TO_EXPORT="RUN RUN"
	$(BIN)/cnnlab export $(RUNS_TO_EXPORT) --format onnx,pt2,savedmodel,litert --int8 --threads 1 --json \
	  > docs/performance/export.json.new
	mv docs/performance/export.json.new docs/performance/export.json
	$(MAKE) figures-table

bench-serve: $(VENV)/.installed ## measure what docs/serve.md shows: ONNX_TO_SERVE="FILE FILE"
	for file in $(ONNX_TO_SERVE); do \
	  $(BIN)/cnnlab bench serve $$file --clients 8 --clients 32 --requests 10000 --json \
	    > docs/performance/serve-$$(basename $$file .onnx).json.new || exit 1; \
	done
	for file in $(ONNX_TO_SERVE:.onnx=); do \
	  made=docs/performance/serve-$$(basename $$file).json; mv $$made.new $$made; \
	done
	$(MAKE) figures-table

# Checked against page-runtime/package-lock.json; two files of it are kept, one of 14 MB
PAGE_RUNTIME := src/cnnlab/page/runtime
page-runtime: ## bring in what the page to draw on computes with (needs npm)
	npm ci --prefix page-runtime --ignore-scripts --no-audit --no-fund
	mkdir -p $(PAGE_RUNTIME)
	cp page-runtime/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs \
	  page-runtime/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm \
	  page-runtime/LICENSE.onnxruntime $(PAGE_RUNTIME)
	rm -rf page-runtime/node_modules

figures-table: $(VENV)/.installed ## write the tables in README.md and in the studies' pages from what was measured
	$(BIN)/python scripts/readme.py

tour: $(VENV)/.installed ## run the tour in README.md and paste what it prints
	$(BIN)/python scripts/readme.py --tour

golden: $(TENSORFLOW_VENV)/.installed ## compute anew, with TensorFlow, what the tests compare with
	$(TENSORFLOW_VENV)/bin/python scripts/golden_tensorflow.py
	$(MAKE) correctness

correctness: $(VENV)/.installed ## measure the differences that docs/correctness.md lists
	$(BIN)/python scripts/correctness.py

constraints: ## pin the versions that the environment holds now
	$(PYTHON) scripts/pin.py $(BIN)/python constraints.txt

constraints-tensorflow: ## the same for the environment of `make golden`
	$(PYTHON) scripts/pin.py $(TENSORFLOW_VENV)/bin/python constraints-tensorflow.txt

constraints-mlflow: ## the same for the server of `make test-mlflow`
	$(PYTHON) scripts/pin.py $(MLFLOW_VENV)/bin/python constraints-mlflow.txt

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	touch $@

$(TENSORFLOW_VENV)/.installed: constraints-tensorflow.txt
	$(PYTHON) -m venv $(TENSORFLOW_VENV)
	$(TENSORFLOW_VENV)/bin/python -m pip install --quiet $(PIP_ARGS) --constraint constraints-tensorflow.txt \
	  tensorflow-cpu
	touch $@

$(MLFLOW_VENV)/.installed: constraints-mlflow.txt
	$(PYTHON) -m venv $(MLFLOW_VENV)
	$(MLFLOW_VENV)/bin/python -m pip install --quiet $(PIP_ARGS) --constraint constraints-mlflow.txt mlflow
	touch $@

clean: ## remove the environments, the demo's runs and caches; never runs/
	rm -rf $(VENV) $(TENSORFLOW_VENV) $(MLFLOW_VENV) demo .pytest_cache .ruff_cache .hypothesis
