# make demo    the shipped model, from checkpoint to a measured bundle and drawn results
# make test    everything that CI runs; the long stages only with LONG=1 or in CI
# make stress  the checks that CI samples, in full
# make clean   removes what these made

PYTHON ?= python3
VENV ?= .venv
DEMO ?= build/demo
SCENES ?= 8
LONG ?= $(CI)
# what is sampled (scenes, backbones) changes with the commit
SEED ?= $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo 0)
BIN := $(VENV)/bin
TARGETS := --target onnx --target executorch --target coreml

.PHONY: demo test lint types unit long parity stress clean conformance

demo: $(VENV)/.export
	$(BIN)/gfnet-mobile export demo $(TARGETS) --output $(DEMO)
	$(BIN)/gfnet-mobile verify $(DEMO)/demo.gfnet
	$(BIN)/gfnet-mobile bench $(DEMO)/demo.gfnet --output $(DEMO)/results.jsonl
	$(BIN)/python examples/held_out_scenes.py $(SCENES) $(DEMO)/scenes
	$(BIN)/gfnet-mobile run $(DEMO)/demo.gfnet $(DEMO)/scenes --draw $(DEMO)/drawn
	@echo
	@echo "The bundle:        $(DEMO)/demo.gfnet"
	@echo "Drawn results:     $(DEMO)/drawn"
	@echo "Latency samples:   $(DEMO)/results.jsonl"
	@echo "Next, on a picture of yours:  $(BIN)/gfnet-mobile run $(DEMO)/demo.gfnet PICTURE --draw $(DEMO)/drawn"
	@echo "Your own classes:             docs/train.md"

test: lint types unit long

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
ifneq ($(or $(CI),$(shell command -v clang-format)),)
	clang-format --dry-run -Werror $$(find android_bench ios_bench -name '*.cpp' -o -name '*.h')
else
	@echo "skipped: the form of C++ files (apt-get install clang-format)"
endif

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	TEST_SEED=$(SEED) $(BIN)/pytest -n 2 --durations=25

long: $(VENV)/.dev
ifeq ($(LONG),)
	@echo "skipped: parity on held-out scenes, make demo from a clean folder, a twentieth of coremltools' operator tests (LONG=1 make test runs them)"
else
	$(MAKE) parity COUNT=24
	$(MAKE) demo DEMO=build/ci-demo SCENES=2
	$(MAKE) conformance PART=0.05
endif

COUNT ?= 200
parity: $(VENV)/.export
	$(BIN)/python benchmarks/parity.py --count $(COUNT) --seed $(SEED)

PART ?= 1
conformance: $(VENV)/.dev
	TEST_SEED=$(SEED) $(BIN)/python -m tests.conformance -n 2 --part $(PART)

stress: $(VENV)/.dev
	$(MAKE) parity COUNT=200
	$(MAKE) conformance
	$(BIN)/python -m benchmarks.mutations --count 1000
	ALL_BACKBONES=1 DISCONNECTS=50 $(BIN)/pytest -n 2 --hypothesis-profile=stress
	DISCONNECTS=200 $(BIN)/pytest tests/test_ios.py -k middle
	$(BIN)/python benchmarks/overhead.py

$(VENV)/.export: setup.cfg constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[export]'
	touch $@

$(VENV)/.dev: $(VENV)/.export
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[export,train,dev]'
	touch $@

clean:
	rm -rf build $(VENV) *.egg-info
