# Each target sets up its own virtual environment in .venv and installs all it needs.
PYTHON ?= python3

.PHONY: demo test check benchmark clean

demo:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e .
	.venv/bin/quantumlink run notebooks/networks/metro.toml --from alice --to bob

test:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	.venv/bin/pytest

check:
	bash .ci/run

benchmark:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	.venv/bin/pytest tests/benchmarks --benchmark-only --benchmark-group-by=group

clean:
	rm -rf .venv .venv-ci dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
