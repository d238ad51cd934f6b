# `make app` and `make test` do the whole job, the first time and every time. Another interpreter or place:
#   make test PYTHON=python3.12 VENV=/tmp/venv          more arguments: make test ARGS="-k norms", make app ARGS="--server.port=8600"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
RUN = $(VENV)/bin/python -m

.PHONY: app dev test slow lint format types clean help

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

app: $(VENV)/.app  ## start the app
	$(RUN) streamlit run app.py $(ARGS)

dev: $(VENV)/.app  ## start the app for who edits it: a change shows on the next run
	$(RUN) streamlit run app.py --server.fileWatcherType auto $(ARGS)

test: $(VENV)/.dev  ## all quick tests, the browser journeys included
	$(RUN) pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

slow: $(VENV)/.dev  ## the tests that take minutes
	$(RUN) pytest -m slow $(ARGS)

lint: $(VENV)/.dev  ## style and formatting, nothing is changed
	$(RUN) ruff check .
	$(RUN) ruff format --check .

format: $(VENV)/.dev  ## put style and formatting right
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

types: $(VENV)/.dev  ## the type checker
	$(RUN) pyright --pythonpath $(VENV)/bin/python

clean:  ## remove the virtual environment
	rm -rf $(VENV)

# A stamp is written only after a complete installation, so one that was interrupted is done again.
$(VENV)/.app: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RobustNorm Lab needs Python 3.11 or newer; try make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(RUN) pip install -r requirements-dev.txt
	@touch $@
