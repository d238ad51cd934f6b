# `make app` and `make test` also install everything that is missing. Another interpreter or folder:
#   make test PYTHON=python3.12 VENV=/tmp/venv          more arguments: make test ARGS="-k norms", make app ARGS="--server.port=8600"

PYTHON ?= python3
VENV ?= .venv
PEERS = $(VENV)-peers
ARGS ?=
RUN = $(VENV)/bin/python -m

.PHONY: app dev test slow faults peers lint format types lock audit clean help

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

app: $(VENV)/.app  ## start the app
	$(RUN) streamlit run app.py $(ARGS)

dev: $(VENV)/.app  ## start the app for editing: a page shows a change on its next run
	$(RUN) streamlit run app.py --server.fileWatcherType auto $(ARGS)

test: $(VENV)/.dev  ## run all quick tests, browser tests included
	$(RUN) pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

slow: $(VENV)/.dev  ## run the tests that take minutes
	$(RUN) pytest -m slow --numprocesses auto --maxprocesses 2 --dist worksteal $(ARGS)

faults: $(VENV)/.dev  ## plant faults in a copy of the code, and show that the tests notice them
	$(RUN) tests.planted_faults $(ARGS)

peers: $(PEERS)/.installed  ## compare our attacks with torchattacks' and ART's, in an environment of its own; an hour or two
	$(PEERS)/bin/python -m pytest tests/peers $(ARGS)
	$(PEERS)/bin/python -m benchmarks.peers --out benchmarks/results/peers.md

lint: $(VENV)/.dev  ## check style and formatting, change nothing
	$(VENV)/bin/hadolint Dockerfile
	$(RUN) ruff check .
	$(RUN) ruff format --check .

format: $(VENV)/.dev  ## correct style and formatting
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

types: $(VENV)/.dev  ## run the type checker
	$(RUN) pyright --pythonpath $(VENV)/bin/python

# The container installs exactly these versions. torch and torchvision stand apart, because their builds differ by index;
# what torch itself needs is named here, so that it is locked, too.
lock: $(VENV)/.app  ## renew the versions that the container installs
	$(RUN) pip install 'uv>=0.13,<1'
	(grep -v '^torch' requirements.txt; printf '%s\n' filelock fsspec jinja2 networkx setuptools sympy typing-extensions) \
	    | $(RUN) uv pip compile - --quiet --upgrade --generate-hashes --python-version 3.11 \
	        --python-platform x86_64-manylinux_2_28 --custom-compile-command 'make lock' --output-file requirements.lock

audit: $(VENV)/.app  ## look up the container's packages in an index of known vulnerabilities; needs a network
	$(RUN) pip install 'pip-audit>=2.10,<3'
	$(RUN) pip_audit --strict --disable-pip --require-hashes -r requirements.lock
	$(RUN) pip_audit --strict --disable-pip --no-deps -r torch.lock

clean:  ## remove the virtual environments
	rm -rf $(VENV) $(PEERS)

# A stamp file is written only after a complete installation, so an interrupted installation runs again.
$(VENV)/.app: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RobustNorm Lab needs Python 3.11 or newer; name another one: make app PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(RUN) pip install -r requirements-dev.txt
	@touch $@

$(PEERS)/.installed: requirements-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -r requirements-peers.txt
	@touch $@
