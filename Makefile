# Two commands do everything on a machine with git, make and Python 3.11 or later (with venv):
#   make demo    sets up and runs the main job on SQLite and a built-in inbox (ONCE=1: run, verify, stop)
#   make test    sets up and runs all tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where the environment forbids it, each of the many processes that tests and demo start would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint setup bench-import bench-register bench-segment bench-public bench-matching bench-send bench-memory bench-inbox measure-inbox bench-kill bench-workers measure-bots pictures translations lock clean

demo: $(VENV)/.ready
	$(BIN)/python cli.py demo $(if $(ONCE),--once) $(DEMO_FLAGS)

# In the order of the files: xdist's own puts those of few tests last, and they are the long ones, so that one process
# would wait for the other.
test: $(VENV)/.ready-dev lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_FLAGS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready-dev
	@echo "ready: $(BIN)/outreach"

bench-import: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/import_contacts.py

bench-register: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/register.py

bench-segment: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/segments.py

# RUNS, SECONDS, KILLS, CONNECTIONS and OUTREACH_DATABASE__URL can be given in the environment.
bench-public: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/public.py

# SEEDS, ENTRIES and WANTED can be given in the environment.
bench-matching: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/matching.py

# N, RUNS and CAPTURED can be given in the environment; Debian's postfix and postgresql must be there.
bench-send: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/send.py

# MESSAGES (or N) can be given in the environment.
bench-inbox: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/inbox.py

measure-inbox: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/inbox_accuracy.py

# KILLS and SEED can be given in the environment.
bench-kill: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/kill.py

# N, WORKERS and DELAY can be given in the environment.
bench-workers: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/workers.py

# N_SMALL and N_LARGE can be given in the environment.
bench-memory: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/memory.py

measure-bots: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/bots.py

pictures: $(VENV)/.ready-dev
	$(BIN)/python docs/make_pictures.py docs/pictures

lock: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra install $(LOCK_FLAGS) -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra install --extra dev $(LOCK_FLAGS) -o requirements-dev.txt

LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than Python 3.11: say which to use, e.g. make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3-venv is missing (Debian: apt install python3-venv)"; exit 1; }

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
