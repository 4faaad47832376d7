# Everything starts here; `make help` lists it. Needs Python 3.11 or later and make, nothing else.
# Three environments: .venv for the program and its tools, .local/ministack for the local AWS, which pins its own botocore,
# .local/lint for the linters of the template, which bring a hundred packages of theirs.

PYTHON ?= python3
STAGE ?= dev

VENV := .venv
BIN := $(VENV)/bin
LOCAL := .local/ministack
LINT := .local/lint

# What Python has compiled it keeps, whatever is set here: a run of all tests starts hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run serve test check bench mutate soak rehearse package deploy lint-template openapi format clean

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.ready $(LOCAL)/.ready ## See it: a play in five acts on a local AWS
	@exec $(BIN)/python -m infra.local.run

serve: $(VENV)/.ready $(LOCAL)/.ready ## Use it: the local stack, up until Ctrl-C
	@exec $(BIN)/python -m infra.local.serve

test: $(VENV)/.ready $(LOCAL)/.ready ## Prove it: every test there is
	@$(BIN)/python scripts/package.py --stage dev --out build/local --local
	$(BIN)/python -m tests

check: $(VENV)/.ready ## Format, lint, types, import contracts, API document
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/openapi.py --check

bench: $(VENV)/.ready $(LOCAL)/.ready ## What a minute costs; fails where a target is missed
	@$(BIN)/python -m tests.load.bench

mutate: $(VENV)/.ready ## Try the tests, with one small mistake at a time
	@nice $(BIN)/python -m tests.mutation.run

soak: $(VENV)/.ready ## All on one virtual clock: a minute, STEPS=… or HOURS=…
	@$(BIN)/python -m tests.soak

rehearse: $(VENV)/.ready $(LOCAL)/.ready ## Lose every table of a local stack, bring a backup back
	@exec $(BIN)/python -m infra.local.rehearse

package: $(VENV)/.ready ## Template and zip of STAGE=dev|staging|prod in build/STAGE
	@$(BIN)/python scripts/package.py --stage $(STAGE) --out build/$(STAGE)

deploy: $(VENV)/.ready ## Release STAGE=… to AWS; ARGS="--plan" only shows it
	@$(BIN)/python scripts/deploy.py --stage $(STAGE) $(ARGS)

lint-template: $(VENV)/.ready $(LINT)/.ready ## Look for what is unsafe in the packaged template
	@$(BIN)/python scripts/package.py --stage dev --out build/local --local
	@$(BIN)/python scripts/lint_template.py --template build/local/sam.yaml

openapi: $(VENV)/.ready ## Write docs/openapi.json from the code
	@$(BIN)/python scripts/openapi.py

format: $(VENV)/.ready ## Format and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove environments, builds and the local state
	rm -rf $(VENV) .local build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Python compiles what it imports when it first does: compiling everything takes as long as installing it.
$(VENV)/.ready: requirements.txt requirements-dev.txt
	@$(call environment,$(VENV),--no-compile -r requirements.txt -r requirements-dev.txt)

$(LOCAL)/.ready: requirements-local.txt
	@$(call environment,$(LOCAL),-r requirements-local.txt)

$(LINT)/.ready: requirements-lint.txt
	@$(call environment,$(LINT),--no-compile -r requirements-lint.txt)

# $(1) is the folder, $(2) what pip installs. The marker is written last, so an interrupted install is done again.
define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "SoulSeer needs Python 3.11 or later. Install it, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	echo "Installing into $(1) (a minute, once) …"
	rm -rf $(1) && mkdir -p $(dir $(1)) && $(PYTHON) -m venv $(1)
	$(1)/bin/pip install -qq --disable-pip-version-check $(2)
	touch $(1)/.ready
endef
