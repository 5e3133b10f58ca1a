# Everything sets itself up: a fresh machine needs Python 3.9 or newer, make and git.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-container test-faults check fmt lock benchmark clean

UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := $(UV) run --frozen --quiet

help: ## Say what can be made.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

.tools/bin/uv:
	@echo "uv is missing: installing it into .tools/"
	@python3 -m venv .tools || { rm -rf .tools; echo "make: python3 cannot make a virtual environment: install python3-venv, or uv itself." >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet uv

setup: $(filter .tools/%,$(UV)) ## Install the locked environment into .venv.
	@$(UV) sync --frozen --quiet

demo: setup ## See it all happen on this machine: drop, retrain, deploy, update, reject. PIPELINE=name: another pipeline.
	@$(RUN) python -m dropforge.demo $(PIPELINE)

# Tests of the embedded AWS change moto for their whole process, so they have one of their own.
EMBEDDED := tests/unit/embedded_aws
CONTAINER := tests/container

test: setup ## Run the tests; no AWS account, no Docker, no credentials.
	@$(RUN) pytest $(EMBEDDED)
	@$(RUN) pytest --ignore $(EMBEDDED) --ignore $(CONTAINER)

test-container: setup ## Run the tests that need a container engine; root on Debian gets one for their length.
	@$(RUN) pytest --timeout 600 --durations 40 $(CONTAINER)

test-faults: setup ## Force the twenty faults on whole runs, and print what was seen of each.
	@$(RUN) pytest -q tests/loop/test_fault_*.py

check: setup ## Run the static checks: lint, format, types, pipelines, state machines, template.
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) dropforge check

fmt: setup ## Format the code.
	@$(RUN) ruff check --fix --exit-zero --quiet .
	@$(RUN) ruff format .

lock: setup ## Lock the dependencies anew, those of the layer and the image too.
	@$(UV) lock
	@$(UV) export --frozen --quiet --only-group layer --no-header --no-annotate -o layers/shared/requirements.txt
	@$(UV) export --frozen --quiet --only-group iris --no-header --no-annotate -o containers/iris/requirements.txt
	@for wanted in containers/*/requirements.in; do test ! -e "$$wanted" || \
	  $(UV) pip compile --quiet --generate-hashes --python-version 3.13 --no-header --no-annotate \
	  "$$wanted" -o "$${wanted%.in}.txt" || exit 1; done
	@$(UV) pip compile --quiet --generate-hashes --python-version 3.12 --no-deps --no-header --no-annotate \
	  containers/spark/converter.in -o containers/spark/converter.txt
	@$(UV) run --quiet --isolated --no-project --python 3.13 --with sagemaker-core==2.27.0 \
	  python -W ignore containers/list_aws_images.py

benchmark: setup ## Measure; each program prints a table and writes JSON under .dropforge/benchmarks/.
	@$(RUN) python benchmarks/orchestration.py
	@$(RUN) python benchmarks/cold_start.py
	@$(RUN) python benchmarks/judge.py
	@$(RUN) python benchmarks/burst.py

clean: ## Stop the embedded AWS and remove what was built.
	@test ! -d .venv || $(RUN) dropforge local down
	@rm -rf .dropforge .aws-sam
