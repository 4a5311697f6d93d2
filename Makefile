# Every command of the project. `make help` lists them.
#
# Needs: Python >= 3.11 with venv, make, and gcc for packages without a wheel for this machine.
# All Python packages go into .venv, pinned with hashes; nothing is installed outside this folder.

SHELL := bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# Ports and sizes of `make demo` and `make run`; see `python manage.py stack --help`.
ARGS ?=

# Pythons of our own choice first: `make PYTHON=/path/to/python3.12 demo`. Then the system's: those of distributions
# are built with profiles of real programs, those that version managers compile mostly are not and take half as long again.
PYTHON ?=
FIND_PYTHON = for candidate in $(PYTHON) /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
		&& { command -v "$$candidate"; break; }; done

# The one browser test needs a Chromium that is already on the machine; without one it is left out, and said so.
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name) 2>/dev/null)))
WITHOUT_BROWSER := $(if $(CHROMIUM),,-m "not browser")

# Each process of the tests takes a test database and two to three hundred MB; many tests wait, so there are two more than cores, at most four.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
PROCESSES ?= $(shell echo $$(($(CORES) < 2 ? $(CORES) + 2 : 4)))

# Else every process of the demo and of the tests would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

DJANGO_TEST := DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py
PO := locale/pt_BR/LC_MESSAGES/django.po

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Setting up. The stamps make a second run free; a changed requirements file installs again.

$(BIN)/python:
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "Prosa needs Python 3.11 or newer with its venv module; found: $$(python3 --version 2>&1)." >&2; \
		echo "On Debian or Ubuntu: apt-get install python3 python3-venv. Another Python: make PYTHON=/path/to/python3.12 ..." >&2; \
		exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime-installed: requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt $(VENV)/.runtime-installed
	@echo "Installing the packages of requirements-dev.txt into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.PHONY: setup setup-dev
setup: $(VENV)/.runtime-installed ## Create .venv with what the product runs on
setup-dev: $(VENV)/.dev-installed ## The same, with the tools for tests and checks

# Running it.

.PHONY: demo run prepare web worker worker-knowledge dispatcher simulator doctor
demo: setup ## The whole product with two example tenants on this machine; Ctrl-C stops it (ARGS="--port 9000")
	@$(BIN)/python manage.py demo $(ARGS)

run: setup ## The same processes without the example tenants
	@$(BIN)/python manage.py stack $(ARGS)

prepare: setup ## Bring the database to the state that this code expects
	@$(BIN)/python manage.py prepare

web: setup ## Only the web process, on port 8000
	@$(BIN)/uvicorn config.asgi:application --port 8000 --no-access-log $(ARGS)

worker: setup ## Only a worker for what waits: turns, sends, receiving
	@$(BIN)/celery -A config.celery worker --pool threads --concurrency 260 --queues inbound,turns,outbound,webhooks,default $(ARGS)

worker-knowledge: setup ## Only a worker for what computes: documents
	@$(BIN)/celery -A config.celery worker --pool prefork --concurrency 1 --queues knowledge $(ARGS)

dispatcher: setup ## Only the dispatcher
	@$(BIN)/python manage.py dispatcher

simulator: setup ## Only the bridge simulator, on port 8090
	@$(BIN)/python -m channels_whatsapp.simulator --port 8090 $(ARGS)

doctor: setup ## Look for what would keep this installation from answering
	@$(BIN)/python manage.py doctor

# Proving it.

.PHONY: test bench check static
test: setup-dev ## The whole test suite on embedded PostgreSQL and Valkey, two processes more than cores, at most 4, for many tests wait (PROCESSES=1 ARGS="-k burst")
	@$(if $(CHROMIUM),,echo "No Chromium here: the browser test is left out (apt-get install chromium).")
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(WITHOUT_BROWSER) $(ARGS)

bench: setup-dev ## The measurements of bench/: a table here and bench/results/latest.json
	@$(BIN)/python -m bench $(ARGS)

check: static test ## What CI runs: every check below, then the tests

static: fmt-check lint types imports migrations-check translations-check ## Every check that needs no running server

.PHONY: fmt fmt-check lint types imports migrations-check
fmt: setup-dev ## Format the code and sort the imports
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --select I --fix .

fmt-check: setup-dev
	@$(BIN)/ruff format --check .

lint: setup-dev ## ruff
	@$(BIN)/ruff check .

types: setup-dev ## mypy --strict
	@$(BIN)/mypy

imports: setup-dev ## The import contracts of pyproject.toml
	@$(BIN)/lint-imports

migrations-check: setup-dev ## No model differs from its migrations
	@$(DJANGO_TEST) makemigrations --check --dry-run

# Keeping files in step.

.PHONY: translations translations-check requirements
translations: setup-dev ## Collect the texts marked for translation and compile the Portuguese ones (needs gettext)
	@$(DJANGO_TEST) makemessages --locale pt_BR --no-obsolete --no-wrap --ignore '$(VENV)/*' --ignore 'tests/*'
	@msgfmt --check -o $(PO:.po=.mo) $(PO)

translations-check: setup-dev ## Every text on screen has a Portuguese one (needs gettext)
	@msgfmt --check --statistics -o /dev/null $(PO)
	@missing="$$(msgattrib --untranslated $(PO); msgattrib --only-fuzzy $(PO))"; \
	if [ -n "$$missing" ]; then echo "Without a Portuguese text:" >&2; echo "$$missing" >&2; exit 1; fi

requirements: setup-dev ## Pin requirements*.in with hashes (takes the newest versions that fit: make requirements ARGS=--upgrade)
	@$(BIN)/uv pip compile -q $(ARGS) --python-version 3.11 --universal --generate-hashes requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q $(ARGS) --python-version 3.11 --universal --generate-hashes requirements-dev.in -o requirements-dev.txt

.PHONY: schema client
schema: setup-dev ## Write docs/openapi.json from the API's views
	@$(DJANGO_TEST) api_schema

client: schema ## Make the typed Python client of the API in clients/python
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/openapi-python-client generate --path docs/openapi.json --config clients/python.yaml --output-path clients/python --overwrite
	@sha256sum docs/openapi.json | cut -d' ' -f1 > clients/python/.made-of

.PHONY: clean clean-data
clean: ## Remove .venv and every cache; the data of the demo stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: setup ## Remove .data: the embedded databases with everything in them
	@$(BIN)/python -m config.embedded --data-dir .data erase
	@rm -rf .data
