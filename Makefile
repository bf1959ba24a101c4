# Each target sets up its own virtual environment in .venv and installs all it needs.
PYTHON ?= python3

.PHONY: demo test explore check docs benchmark clean

demo:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e .
	.venv/bin/quantumlink run notebooks/networks/metro.toml --from alice --to bob --output quantumlink-run.png

test:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	.venv/bin/pytest -n auto

# The same tests with new random numbers and new examples; `make test` repeats the committed ones.
explore:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	QUANTUMLINK_SEED=$$(date +%s) .venv/bin/pytest -n auto --hypothesis-profile=explore

check:
	bash .ci/run

docs:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[docs]'
	.venv/bin/sphinx-build -q -W --keep-going -j auto -c notebooks/site -d build/doctrees notebooks build/site
	@echo "open build/site/index.html"

benchmark:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -e '.[dev]'
	.venv/bin/pytest tests/benchmarks --benchmark-only --benchmark-group-by=group

clean:
	rm -rf .venv .venv-ci dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
