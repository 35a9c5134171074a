# Nightjar. `make help` lists the targets; every one sets up first what it needs (bin/setup: 0.2 s once done).
.DEFAULT_GOAL := help
.PHONY: help setup demo airflow nightly refresh tune check rollback replay maintain synth live serve api-key erase export doctor backup notebook experiments static-model sql bench bench-quality test test-quick faults lint contracts format clean-demo

RUN := .venv/bin/python -m bin.env
PYTHON := $(RUN) python

# Parameters go through the environment, never into a shell string: make nightly AS_OF=2026-01-31T00:00:00Z
export AS_OF DOMAIN CONF CONFIG PORT Q RATE SECONDS YES WAIT KAFKA TO REASON ROLE NAME REVOKE USER_ID EVENTS USERS ITEMS DAYS

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv, Java, DuckDB extensions, Airflow's database: all that is missing
	@bin/setup

demo: setup ## real data, one nightly run, a live batch, one refresh, some lists
	@$(PYTHON) -m bin.demo

nightly: setup ## one nightly run in the foreground; AS_OF=, DOMAIN=, CONF='{"param": 1}'
	@$(PYTHON) -m bin.run_dag nightly_recommendations

refresh: setup ## one refresh run in the foreground; DOMAIN=, CONF=
	@$(PYTHON) -m bin.run_dag refresh_recommendations

tune: setup ## search for better settings, which the next nightly judges; AS_OF=, DOMAIN=, CONF=
	@$(PYTHON) -m bin.run_dag tune_models

check: setup ## try a domain file on what has landed, writing nothing: CONFIG=shop, or a path
	@$(PYTHON) -m bin.check

rollback: setup ## back to a kept publication: TO=00000007-nightly-20260131T000000
	@$(PYTHON) -m bin.run_dag rollback_publication

replay: setup ## judge quarantined rows again, once the domain file is mended: REASON=unknown_event_type
	@$(PYTHON) -m bin.run_dag replay_quarantine

maintain: setup ## expire, clean up, merge, prune what is older than the domain file keeps; CONF='{"dry_run": true}'
	@$(PYTHON) -m bin.run_dag maintain_lake

synth: setup ## land made-up events to try a size: EVENTS=1000000 USERS=6000 ITEMS=4000 DAYS=200
	@$(PYTHON) -m bin.synth

live: setup ## replay events while Airflow runs: RATE=50 a second, SECONDS=60, KAFKA=servers/topic
	@$(PYTHON) -m bin.live

airflow: setup ## Airflow with its UI on http://127.0.0.1:8080 (PORT=), until Ctrl-C
	@$(PYTHON) -m bin.airflow_up

serve: setup ## the API and its page on http://127.0.0.1:8090 (PORT=), without Airflow, until Ctrl-C
	@$(PYTHON) -m bin.serve

api-key: setup ## print a new API key: ROLE=read|write|operator NAME=my-app; REVOKE=my-app; else list them
	@$(PYTHON) -m bin.api_key

erase: setup ## erase a person from everything below NIGHTJAR_HOME: USER_ID=; CONF='{"dry_run": true}'
	@$(PYTHON) -m bin.person erase

export: setup ## all that is held on a person as one JSON file: USER_ID=
	@$(PYTHON) -m bin.person export

doctor: setup ## check set-up, home, lake, model, lag and disk, and tell the mend
	@$(PYTHON) -m bin.doctor

backup: setup ## copy this home where it can be restored from: TO=/backups/monday
	@$(PYTHON) -m bin.backup

notebook: setup ## the lake with pictures, in the browser: examples/explore_lake.py, until Ctrl-C
	@$(RUN) marimo edit --skip-update-check examples/explore_lake.py

experiments: setup ## read the domain file's A/B tests; DOMAIN=
	@$(PYTHON) -m bin.run_dag experiment_report

static-model: setup ## distil the domain's text model into one a hundred times as fast: TO=folder
	@$(PYTHON) -m bin.static_model

sql: setup ## a SQL shell on the lake; one statement with Q="select 1"
	@$(PYTHON) -m bin.sql

bench: setup ## speed and memory, reported
	@$(PYTHON) -m benchmarks

bench-quality: setup ## the public benchmark on MovieLens-100K beside published tables (some ten minutes)
	@$(PYTHON) -m benchmarks quality

test: setup ## every test; a part of them: PYTEST_ADDOPTS="-k lake -x"
	@$(PYTHON) -m pytest

test-quick: setup ## the tests that need no Spark, Airflow, server or whole nightly
	@$(PYTHON) -m pytest -m "not (slow or spark or e2e or faults or server or nightly)"

faults: setup ## kill, stop, fill up and corrupt, at full length
	@NIGHTJAR_LONG=1 $(PYTHON) -m pytest -m "faults or long"

lint: setup ## ruff, mypy, the order of packages, and sqlfluff on the dbt project
	@$(RUN) ruff check .
	@$(RUN) ruff format --check --quiet .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo
	@$(PYTHON) -m bin.write_contracts --check
	@if [ -d dbt_project/models ]; then $(RUN) sqlfluff lint --disable-progress-bar dbt_project/models; fi

contracts: setup ## docs of lake tables and domain file, and dbt's descriptions, from the code
	@$(PYTHON) -m bin.write_contracts

format: setup ## put every Python file into its one form
	@$(RUN) ruff check --fix --quiet .
	@$(RUN) ruff format --quiet .

clean-demo: ## remove what runs have written (NIGHTJAR_HOME), once you say yes or YES=1; your own files stay
	@$(PYTHON) -m bin.clean_home
