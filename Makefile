# One virtual environment, made on first use and again when the dependencies change.
VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin/

.PHONY: scan figures test literature bench damage clean
.DEFAULT_GOAL := scan

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

scan: $(VENV)/installed  ## the main job: real COHERENT counts → cube, picture, best fit, intervals
	$(RUN)gridscan run csi-2021-ee-ud --plot csi-2021-ee-ud.png

figures: $(VENV)/installed  ## every figure and table: cubes, pictures, gallery/README.md
	$(RUN)gridscan figures

test: $(VENV)/installed  ## style, types, tests
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)pytest

literature: $(VENV)/installed  ## published numbers and ours: tests/literature/README.md
	$(RUN)python -m tests.literature > tests/literature/README.md

bench: $(VENV)/installed  ## speed and memory, as a table
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(RUN)python benchmarks/figures.py

damage: $(VENV)/installed  ## a thousand damaged and hostile cubes: how many ended how
	$(RUN)python -m benchmarks.damage

clean:
	rm -rf $(VENV)
