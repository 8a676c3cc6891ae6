# Everything a newcomer needs: make demo, make test. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: demo up test check format bench proof proof-mutants requirements openapi translations clean

demo: $(VENV)/demo.installed
	@$(BIN)/python manage.py demo $(if $(ONCE),--once) $(ARGS)

up: $(VENV)/hub.installed
	@$(BIN)/python manage.py up $(ARGS)

# Three processes on two cores: whole hubs are mostly waited for.
test: $(VENV)/dev.installed $(VENV)/demo.installed $(VENV)/taps.installed
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/dev.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy hub connectors policies
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn | diff docs/openapi.yaml -

format: $(VENV)/dev.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/demo.installed $(VENV)/dev.installed
	$(BIN)/python -m tests.bench $(ARGS)

proof: $(VENV)/dev.installed $(VENV)/demo.installed $(VENV)/taps.installed
	HUB_PROOF=long $(PYTEST) -n 2 --dist loadfile --timeout 3600 $(ARGS)
	$(MAKE) proof-mutants

proof-mutants: $(VENV)/dev.installed $(VENV)/demo.installed
	$(BIN)/python -m tests.proofs.mutants $(PARTS)

openapi: $(VENV)/dev.installed
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

translations: $(VENV)/dev.installed
	cd hub/web && ../../$(BIN)/python ../../manage.py makemessages --locale zh_Hans --no-location --no-obsolete
	sed -i '/^"POT-Creation-Date:/d' hub/web/locale/zh_Hans/LC_MESSAGES/django.po
	cd hub/web && ../../$(BIN)/python ../../manage.py compilemessages --locale zh_Hans

requirements: $(VENV)/dev.installed
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --output-file requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --output-file requirements-dev.txt requirements-dev.in

clean:
	rm -rf $(VENV) .hub

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/hub.installed: $(BIN)/python requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.installed: $(VENV)/hub.installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/demo.installed: $(VENV)/hub.installed requirements-demo.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-demo.txt
	@touch $@

$(VENV)/taps.installed: $(BIN)/python requirements-taps.txt
	$(BIN)/python -m venv $(VENV)/taps
	$(VENV)/taps/bin/pip install --quiet --disable-pip-version-check -r requirements-taps.txt
	@touch $@
