.PHONY: setup demo prism emulators browser docs test test-quick faults check infra test-infra format constraints clean
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/repscore demo --output demo

# The runner of `repscore watch`.
prism: setup
	bash infra/prism.sh

# What the tests of gs:// talk to.
emulators: setup
	bash infra/emulators.sh

# Chromium and axe-core, for the tests of the report.
browser: setup
	bash infra/browser.sh

# The documentation as a site, in site/.
docs: setup
	$(BIN)/mkdocs build --strict

# The pure tests: no Ray, no Prism, no network, no weights of pose models, no footage.
test-quick: setup
	$(BIN)/python -m pytest tests/pure -m "not footage and not slow and not weights" --numprocesses auto

# Where there is a CUDA device; `make test` skips them elsewhere.
test-gpu: setup
	$(BIN)/repscore weights --quiet
	$(BIN)/python -m pytest tests/gpu -m gpu

# Tests of pure functions run beside those that start Ray and wait for it.
test: setup prism emulators
	$(BIN)/repscore weights --quiet
	$(BIN)/python -m pytest tests/pure tests/golden tests/research tests/browser >pure.log 2>&1 & pure=$$!; \
	$(BIN)/python -m pytest tests/stages tests/end_to_end tests/gpu; others=$$?; \
	wait $$pure; status=$$?; cat pure.log; rm pure.log; exit $$((others | status))

# Breaks the pipeline in 30 ways, five times each, and stops commands at 80 moments; some hours.
faults: setup prism
	PYTHONPATH=tests $(BIN)/python tests/faults.py --times 5 --seed 0
	PYTHONPATH=tests:. $(BIN)/python tests/signal_trials.py --times 10 --seed 0

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

# Every file of infra/ by the tool that knows its format.
infra: setup
	$(BIN)/python infra/check.py

# What `make infra` cannot see, and that each of its checks finds something wrong.
test-infra: infra
	$(BIN)/python -m pytest --quiet tests/infra

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pins the whole tree as it is installed now.
constraints: setup
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable > constraints.txt

clean:
	rm -rf demo build dist .mypy_cache .pytest_cache .ruff_cache
