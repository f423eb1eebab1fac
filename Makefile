# `make demo` and `make test` set up $(VENV) and need nothing but Python and make.
VENV ?= .venv
DEMO ?= demo
JOBS ?= 2
RUNNABLE = -c "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 7) and sys.version_info < (3, 10))"

# Python 3.7 if a working one is found (a pyenv shim that only prints an error is not one), else python3.
PYTHON ?= $(shell for p in python3.7 "$$(pyenv root 2>/dev/null)"/versions/3.7.*/bin/python python3 python3.13 python3.12 python3.11 \
	python3.10 /usr/bin/python3; do if "$$p" $(RUNNABLE) >/dev/null 2>&1; then echo "$$p"; break; fi; done)

BIN = $(abspath $(VENV))/bin
RUN = set -e; export PATH="$(BIN):$$PATH"; set -o pipefail;
SHELL = /bin/bash

# The exact versions that the tests passed with, so that a clone of next year installs the same; Python 3.10 has older ones.
CONSTRAINTS = import sys; v = sys.version_info[:2]; \
	print('' if v == (3, 10) else '-c constraints/%s.txt' % ('reference' if v == (3, 7) else 'current'))

.PHONY: demo test venv clean

venv:
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" $(RUNNABLE) >/dev/null 2>&1; then \
	  echo "make: no usable Python$(if $(PYTHON), at $(PYTHON)): install Python 3.7 (TensorFlow 1.15) or 3.10 or later (TensorFlow 2.21) with its venv module, or name one: make PYTHON=/path/to/python" >&2; exit 2; fi
	@key="$$("$(PYTHON)" -c 'import sys; print(sys.version)' | cksum) $$(cat requirements.txt constraints/*.txt | cksum)"; \
	constraints="$$("$(PYTHON)" -c "$(CONSTRAINTS)")"; \
	if [ "$$(cat "$(VENV)/.complete" 2>/dev/null)" != "$$key" ]; then \
	  echo "setting up $(VENV) with $$("$(PYTHON)" --version); this downloads a few GB once" && \
	  rm -rf "$(VENV)" && "$(PYTHON)" -m venv "$(VENV)" && \
	  "$(BIN)/python" -m pip install --quiet --disable-pip-version-check --upgrade pip && \
	  "$(BIN)/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt $$constraints && \
	  echo "$$key" > "$(VENV)/.complete"; fi

# $(JOBS) defenses at a time, each trained and then attacked, in the order turned round: the critic, the longest, first, and the
# shortest last; cat makes them log whole lines in place of drawing bars over each other.
demo: venv
	@$(RUN) sweep() { python generate_script.py --preset=demo --launcher=parallel --gpu_memory=growth --runs_dir="$(DEMO)" \
	  --results_dir="$(DEMO)" "$$@" | nl -b a | sort -rn | cut -f 2-; }; \
	paste -d ';' <(sweep --train=True) <(sweep --train=False) | tr '\n' '\0' | xargs -0 -n 1 -P "$(JOBS)" bash -ec 2>&1 | cat; \
	python report.py --results_dir="$(DEMO)" --html

test: venv
	@$(RUN) python -m pytest -q tests

clean:
	rm -rf "$(VENV)" "$(DEMO)"
