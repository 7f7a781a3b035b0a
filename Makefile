# `make demo` and `make test` do everything on a fresh machine with Python 3.11.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed
# A third party's backend, put where only its own tests look.
EXAMPLE := .venv/example

.PHONY: install demo test test-full lint catalogue stub bench clean

install: $(INSTALLED)

$(INSTALLED): setup.py constraints.txt $(wildcard tests/example_backend/polyframe_jax/*)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || \
	  { echo "Python 3.11 is needed (MXNet 1.9.1 runs on no newer one); set PYTHON=..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	rm -rf $(EXAMPLE) tests/example_backend/build && $(BIN)/python -m pip install --quiet --no-deps \
	  --disable-pip-version-check --target $(EXAMPLE) tests/example_backend
	touch $@

demo: install
	@sh tools/get_fashion_mnist.sh
	$(BIN)/python tools/demo.py

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python tools/types_as_installed.py

# Both say at their start how long they take (tests/times.json).
test: lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not full"

test-full: lint
	@sh tools/get_fashion_mnist.sh
	$(BIN)/python tools/full.py -n 2

catalogue: install
	$(BIN)/python tools/catalogue.py

stub: install
	$(BIN)/python tools/stub.py

bench: install
	$(BIN)/python tools/bench.py
	$(BIN)/python tools/bench_data.py
	$(BIN)/python tools/bench_speed.py

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
