# Sportello. `make run` and `make test` do all the set-up they need.
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
ENGINE_PY := .venv-engine/bin/python
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help setup setup-dev run test check lint-fix content evaluate try train engine bench bench-nlu soak lock clean

help:        ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/  /'

setup:       ## make both Python environments (nothing to do the second time)
	@$(if $(PYTHON),,echo "Sportello needs Python 3.11 or later as python3; install it and try again." >&2; exit 2;) \
	$(PYTHON) scripts/setup.py

setup-dev:   ## the same, with what the tests and checks need
	@$(if $(PYTHON),,echo "Sportello needs Python 3.11 or later as python3; install it and try again." >&2; exit 2;) \
	$(PYTHON) scripts/setup.py --dev

run: setup   ## start everything: bot, engine, actions, sandbox, desk
	@exec $(PY) -m bot run

test: setup-dev  ## run all tests; T="tests/test_engine.py -k turn" for some
	@$(PY) -m pytest $(T)

check: setup-dev  ## lint and types
	$(PY) -m ruff check .
	$(PY) -m mypy bot editors --exclude '^editors/crossed\.py$$'
	$(PY) -m mypy --python-executable $(ENGINE_PY) --python-version 3.10 engine actions editors/crossed.py

lint-fix: setup-dev  ## let the linter repair what it can
	$(PY) -m ruff check --fix .

content: setup  ## list every mistake in domain/, nlu/, stories/, without training; LANG=en, WARNINGS=1
	@$(PY) -m editors content $(if $(WARNINGS),--warnings)

evaluate: setup  ## write data/evaluation.html: how well the bot understands, and what to write next
	@$(PY) -m editors evaluate

try: setup   ## type a sentence, see what the bot understands and answers; S="one sentence" for one
	@$(PY) -m editors try $(if $(S),-- "$(S)")

train: setup  ## train the model if the content changed
	@$(PY) -m bot.children train

engine: setup  ## run the engine and its actions alone (ENGINE_PORT, default 5005)
	@exec $(PY) -m bot.children run

bench: setup-dev  ## measure, print a table and write docs/benchmarks.md
	@$(PY) -m bench

bench-nlu: setup-dev  ## how well it understands, beside its peers: docs/benchmarks-nlu.md; DATA=folder with the public sets, AGAIN=1
	@$(PY) -m bench_nlu $(if $(DATA),--data $(DATA)) $(if $(AGAIN),--again)

soak: setup-dev  ## kill, stop and cut off everything under load; DATABASE, KILLS, MINUTES, PER_SECOND, WAVE, DROPS, WRITE=1 for docs/soak.md
	@$(PY) -m tests.soak --database $(or $(DATABASE),both) --kills $(or $(KILLS),200) --minutes $(or $(MINUTES),20) \
	  --per-second $(or $(PER_SECOND),125) --wave $(or $(WAVE),30) --drops $(or $(DROPS),1000) $(if $(WRITE),--write)

lock: setup-dev  ## renew requirements/*.txt from requirements/*.in; UPGRADE=1 also takes newer releases of what is locked
	@$(PY) scripts/lock.py

clean:       ## remove environments, caches and trained models; keeps the database
	rm -rf .venv .venv-engine .setup.lock .rasa .mypy_cache .ruff_cache .pytest_cache .hypothesis data/models
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
