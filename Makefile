# Community Pulse. `make help` lists what there is.
# Everything runs in .venv, which the first target that needs it creates from the locked requirements.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEPLOYED := $(VENV)/deployed
SPARK := $(VENV)/spark
S3 := $(VENV)/s3
# Both slow every start by seconds: bytecode has to be written once and kept.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONUTF8 = 1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z_-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- set-up ----------------------------------------------------------------
.PHONY: install
install: $(VENV)/.prepared ## Create .venv, install the locked dependencies, compile kernels, parse the dbt project

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is %d.%d. Next: make PYTHON=python3.12 ..." % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

# The compiled kernels lie beside their sources, in __pycache__, and dbt's project as parsed in .venv/share: without them
# the first score would wait for the compiler, and the first build of each home for dbt.
$(VENV)/.prepared: $(VENV)/.installed $(wildcard plugins/pulse/*/kernel.py) $(shell find dbt_project -name '*.sql' -o -name '*.yml')
	@$(BIN)/pulse dev prepare
	@touch $@

.PHONY: lock
lock: ## Resolve requirements/*.in again and write the locked files
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c requirements/dev.txt requirements/deploy.in -o requirements/deploy.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/docs.in -o requirements/docs.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c requirements/dev.txt requirements/spark.in -o requirements/spark.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c requirements/dev.txt requirements/s3.in -o requirements/s3.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/s3-server.in -o requirements/s3-server.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/semantic.in -o requirements/semantic.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) -c <(grep -o "^duckdb==[^ ]*" requirements/dev.txt) requirements/superset.in -o requirements/superset.txt

LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# ---- deployed form: docs/operations.md -------------------------------------
.PHONY: env
env: ## Write .env with random secrets for docker-compose.yml
	@if test -e .env; then echo "there is a .env, and it stays as it is: what runs needs its secrets" >&2; exit 1; fi
	@umask 077; set -o noclobber; while IFS= read -r line; do \
		case "$$line" in \
			[A-Z]*=) printf '%s%s\n' "$$line" "$$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')";; \
			*) printf '%s\n' "$$line";; \
		esac; \
	done < .env.example > .env
	@echo "wrote .env; the admin's password is in it"

# An environment of its own for the requirements that a target names.
define install-environment
	@test -x $(@D)/bin/python || $(BIN)/python -m venv $(@D)
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(@D)/bin/python $(filter %.txt,$^)
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(@D)/bin/python --editable .
	@touch $@
endef

# What the image holds: no test needs it in .venv, and nothing of it should be there when they run.
$(DEPLOYED)/.installed: requirements/deploy.txt pyproject.toml | $(VENV)/.installed
	$(install-environment)

# What tests of Spark need: all of .venv, and Spark. pyspark alone is 400 MB, so only who asks for it gets it.
$(SPARK)/.installed: requirements/dev.txt requirements/spark.txt pyproject.toml | $(VENV)/.installed
	$(install-environment)

# What tests of object storage need: all of .venv, the S3 client, and a server of 50 MB that nobody else needs.
$(S3)/.installed: requirements/dev.txt requirements/s3.txt requirements/s3-server.txt pyproject.toml | $(VENV)/.installed
	$(install-environment)

.PHONY: system-packages-java
system-packages-java: ## Java 17, which Spark runs on, from Debian's packages, if it is not there
	$(call install-missing,java,openjdk-17-jre-headless)

.PHONY: system-packages
system-packages: ## What tests use if it is there: PostgreSQL, Redis and Chromium, from Debian's packages
	$(call install-missing,/usr/lib/postgresql/*/bin/initdb psql redis-server chromium,postgresql redis-server chromium)

.PHONY: system-packages-docker
system-packages-docker: ## Docker, Compose and debootstrap for test-compose, from Debian's packages, if they are not there
	$(call install-missing,dockerd docker docker-compose debootstrap,docker.io docker-compose debootstrap)

# $(call install-missing,programs,packages)
define install-missing
	@missing=; for program in $(1); do command -v $$program > /dev/null || missing="$$missing $$program"; done; \
	if test -z "$$missing"; then exit 0; fi; \
	as_root=; if test "$$(id -u)" != 0; then as_root="sudo -n"; fi; \
	if ! command -v apt-get > /dev/null || ! $$as_root true; then \
		echo "not there:$$missing. They are in Debian's packages $(2), which only root can install" >&2; exit 1; \
	fi; \
	echo "installing Debian's packages $(2), for:$$missing"; \
	$$as_root apt-get update -qq; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(2) > /dev/null
endef

# ---- daily work ------------------------------------------------------------
.PHONY: demo
demo: install ## Run the whole pipeline on a made-up world: no account, no service
	@$(BIN)/pulse demo

.PHONY: ui
ui: install ## Airflow's own UI on 127.0.0.1, with the runs made so far
	@$(BIN)/pulse ui

.PHONY: test
test: install ## The tests, on two cores; the slow ones, faults and the deployed form have targets of their own
	@$(BIN)/python -m pytest --numprocesses 2 -m "not slow and not real_data and not faults and not deployed"

.PHONY: test-slow
test-slow: install ## Long proofs: recorded data, simulated weeks, 24 worlds of listening, training (some 20 minutes)
	@$(BIN)/python -m pytest --numprocesses 2 -m "slow or real_data"

.PHONY: test-faults-short
test-faults-short: install ## Nine kills, full disks, two at once, hostile text (some 2 minutes)
	@$(BIN)/python -m pytest --numprocesses 2 tests/faults

.PHONY: test-long
test-long: install ## Both of these in one go without the worlds, so that no core waits for the other (some 4 minutes)
	@$(BIN)/python -m pytest --numprocesses 2 -m "(slow or real_data or faults) and not worlds"

.PHONY: test-faults
test-faults: install ## Kill, starve and crowd runs at every stage, feed them hostile text (some 25 minutes)
	@PULSE_FAULTS=long $(BIN)/python -m pytest --numprocesses 2 tests/faults

OF_SPARK := tests/dbt/test_spark.py tests/dbt/test_spark_contract.py tests/dbt/test_spark_scores.py \
	tests/unit/warehouse/test_engines.py
.PHONY: test-spark
test-spark: $(SPARK)/.installed system-packages-java ## Spark builds what DuckDB builds, and a kill on the way (some 4 minutes)
	@$(SPARK)/bin/python -m pytest $(OF_SPARK) -m "not slow"

.PHONY: test-spark-short
test-spark-short: $(SPARK)/.installed system-packages-java ## The same with fewer models and days, and what contracts refuse (some 2 minutes)
	@$(SPARK)/bin/python -m pytest tests/dbt/test_spark_short.py tests/dbt/test_spark_contract.py

.PHONY: test-spark-long
test-spark-long: $(SPARK)/.installed system-packages-java ## test-spark, and all unit tests of dbt on Spark (half an hour; an hour on a busy machine)
	@$(SPARK)/bin/python -m pytest $(OF_SPARK)

.PHONY: test-cluster
test-cluster: $(SPARK)/.installed system-packages-java ## A cluster of Spark on this machine, of which a worker is killed (some 4 minutes)
	@$(SPARK)/bin/python -m pytest tests/dbt/test_spark_cluster.py

.PHONY: test-s3
test-s3: $(S3)/.installed ## The lake on a real S3 server (SeaweedFS), with faults, kills and two writers (15 minutes on a busy machine)
	@$(S3)/bin/python -m pytest tests/integration/test_object_storage.py

.PHONY: test-celery
test-celery: install system-packages $(DEPLOYED)/.installed ## Deployed form without Docker: CeleryExecutor, a worker killed (some 4 minutes)
	@$(BIN)/python -m pytest tests/deployed/test_celery.py

.PHONY: test-ui
test-ui: install ## Airflow's own UI as `pulse ui` starts it (some 40 seconds)
	@$(BIN)/python -m pytest tests/deployed/test_ui.py

# MetricFlow, which does not resolve beside praw: docs/semantic-layer.md.
SEMANTIC := $(VENV)/semantic
.PHONY: semantic test-semantic
semantic: $(SEMANTIC)/.installed ## Install MetricFlow, for the metrics of the semantic layer
$(SEMANTIC)/.installed: requirements/semantic.txt | $(VENV)/.installed
	@test -x $(SEMANTIC)/bin/python || $(BIN)/python -m venv --without-pip $(SEMANTIC)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(SEMANTIC)/bin/python requirements/semantic.txt
	@touch $@

test-semantic: install semantic ## Every metric of the semantic layer against the KPIs (some 3 minutes)
	@$(BIN)/python -m pytest tests/deployed/test_semantic_layer.py

# Superset, which wants other versions of half of what is in .venv: docs/dashboards.md.
SUPERSET := $(VENV)/superset
PORT ?= 8088
.PHONY: superset test-bi
superset: $(SUPERSET)/.installed ## Superset with a dashboard of what is published, on 127.0.0.1 (PORT=8088)
	@exec $(SUPERSET)/bin/python config/superset/serve.py --port $(PORT)

$(SUPERSET)/.installed: requirements/superset.txt | $(VENV)/.installed
	@test -x $(SUPERSET)/bin/python || $(BIN)/python -m venv --without-pip $(SUPERSET)
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(SUPERSET)/bin/python requirements/superset.txt
	@touch $@

test-bi: install system-packages $(SUPERSET)/.installed ## The dashboard in Superset, in a browser, against SQL (some 2 minutes)
	@$(BIN)/python -m pytest tests/deployed/test_superset.py

.PHONY: test-compose
test-compose: install ## docker-compose.yml for real: a month, kills, backup and restore (some 10 minutes)
	@$(BIN)/python -m pytest tests/deployed/test_compose.py

# ---- documents -------------------------------------------------------------
DOCS := $(VENV)/docs
.PHONY: docs
docs: $(DOCS)/.installed ## The documents as a site, in build/site; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs --quiet build --strict --config-file docs/site/mkdocs.yml --site-dir $(CURDIR)/build/site
	@echo "build/site/index.html; its search needs a server: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

$(DOCS)/.installed: requirements/docs.txt | $(VENV)/.installed
	@test -x $(DOCS)/bin/python || $(BIN)/python -m venv --without-pip $(DOCS)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(DOCS)/bin/python requirements/docs.txt
	@touch $@

.PHONY: pictures
pictures: install ## Make the pictures of README anew: page, report, a recording of `make demo` (some 3 minutes; Chromium)
	@$(BIN)/python docs/pictures/make.py

.PHONY: check
check: check-types check-texts ## Lint, types, yml style, no secrets in the tree, and the generated documents are current

# Half of the time each, for two cores.
.PHONY: check-types check-texts
check-types: install
	@$(BIN)/mypy
check-texts: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/yamllint --strict .
	@$(BIN)/pulse dev data-dictionary --check
	@$(BIN)/pulse dev sources --check
	@if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then \
		git ls-files -z --cached --others --exclude-standard \
		| xargs -0 $(BIN)/detect-secrets-hook --no-verify --exclude-secrets '$(NO_SECRETS)'; \
	else echo "no look for secrets: this is no git checkout"; fi

# Made-up values of the sandbox and the tests, a label and an alphabet. What else looks like a secret fails the check.
NO_SECRETS := ^(pulse-sandbox-(secret|password)|s3cr3t.*of-the-app|pass.?word.*|wrong|Client secret|YWJjMTIzOnMzY3IzdC1vZi10aGUtYXBw|etaoinshrdlucmfwypvbgkjqxz)$$

.PHONY: format
format: install ## Format and sort imports
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

.PHONY: bench
bench: install ## Measure: ratios in one run against the named peer or limit
	@$(BIN)/python -m benchmarks

# Public gold data is not part of the project: docs/texts.md says where it comes from.
DATA ?= data
.PHONY: bench-texts
bench-texts: install ## Measure the sentiment engine against VADER; DATA=folder with the public data sets
	@$(BIN)/python -m benchmarks.texts --data $(DATA)

.PHONY: train-texts
train-texts: install ## Train the models of texts again, byte for byte; DATA=folder with the public data sets
	@$(BIN)/python -m pulse.texts.training $(DATA)
	@$(BIN)/python -m pulse.texts.training_kinds $(DATA)/gold $(DATA)/sentiment_goemotions/original

.PHONY: clean
clean: ## Remove the virtual environment and caches; PULSE_HOME with its data and author key stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
