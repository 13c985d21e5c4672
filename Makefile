# Everything comes from PyPI into .venv; nothing is installed elsewhere.
#
#   make generate     text from the simulated board          (ARGS='-p "Once" -n 64' adds options)
#   make serve        an OpenAI-style server for it, on 127.0.0.1:8080
#   make bitstream    the ULX3S's bitstream, in build/       (ARGS='--seed 7' adds options)
#   make test         the test suite                         (ARGS='-k array' chooses tests)
#   make test-train   installs PyTorch, trains 200 steps, checks the export
#   make test-wheel   installs the wheel in an empty folder and generates two tokens
#   make results      measures again and writes docs/results.md; some ten minutes
#   make token-370m   one token of a 370 M model on a hypothetical board, equal to golden; minutes
#   make lint         ruff
#   make clean        removes .venv and build/

.PHONY: generate serve compiler bitstream test test-train test-wheel results token-370m lint clean
.DEFAULT_GOAL := generate

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The build backend is pinned as well, so it is installed first and not fetched by pip.
INSTALL := $(PIP) setuptools && $(PIP) --no-build-isolation --editable
COMPILER := command -v c++ || command -v g++ || command -v clang++

generate: .venv/runtime.stamp compiler
	@$(BIN)/trine generate --seed 1 -n 160 $(ARGS)

serve: .venv/serve.stamp compiler
	@$(BIN)/trine serve $(ARGS)

# For the simulated board.
compiler: .venv/runtime.stamp
	@{ $(COMPILER); } >/dev/null || [ -e .venv/ziglang.stamp ] || \
		{ echo "No C++ compiler found: installing ziglang (400 MB) in its place." >&2; \
		  $(PIP) ziglang && touch .venv/ziglang.stamp; }

# Fails where timing does not close. Seeds are tried in turn.
bitstream: .venv/synth.stamp
	@$(BIN)/trine build --board ulx3s-85f --seed 1,2,3 $(ARGS)

# cocotb compiles its benches through Verilator's own makefiles and scripts.
test: .venv/dev.stamp .venv/synth.stamp
	@{ $(COMPILER); } >/dev/null && command -v perl >/dev/null && $(BIN)/find_libpython >/dev/null || \
		{ echo "make test needs a C++ compiler, perl and Python's shared library: please install them" \
		       "(on Debian or Ubuntu: apt-get install g++ perl libpython3-dev)." >&2; exit 2; }
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

test-train: .venv/train.stamp
	@$(BIN)/python -m pytest tests/training $(ARGS)

# What an editable install has and a wheel may lack: packages and files that nobody listed.
test-wheel: .venv/runtime.stamp
	@rm -rf build/wheel && mkdir -p build/wheel
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir build/wheel .
	@python3 -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt build/wheel/*.whl
	@cd build/wheel && venv/bin/trine generate -n 2 --seed 1 --json

results: .venv/runtime.stamp
	@$(BIN)/python tools/measure.py
	@for preset in ulx3s ulx3s-8 ulx3s-16; do \
		$(BIN)/python tools/choose.py --preset $$preset || exit 1; \
	done
	@$(BIN)/python tools/speculation.py
	@$(BIN)/python tools/results.py

token-370m: .venv/runtime.stamp
	@$(BIN)/python tools/token_370m.py

lint: .venv/dev.stamp
	@$(BIN)/ruff check .

clean:
	rm -rf .venv build *.egg-info

# python3 comes first; a newer one beside it will do where it is too old.
.venv/bin/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		$$python -m venv .venv && exit 0; \
		rm -rf .venv; \
		echo "$$python cannot make a virtual environment: please install its venv module" \
		     "(on Debian or Ubuntu: apt-get install python3-venv)." >&2; exit 2; \
	done; \
	echo "Trine needs Python 3.11 or newer, and found none on PATH as python3: please install it." >&2; \
	exit 2

.venv/runtime.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Trine into .venv ..." >&2
	@$(INSTALL) .
	@touch $@

.venv/serve.stamp: .venv/runtime.stamp
	@echo "Installing the HTTP server into .venv ..." >&2
	@$(INSTALL) '.[serve]'
	@touch $@

.venv/dev.stamp: .venv/runtime.stamp
	@echo "Installing the test tools into .venv ..." >&2
	@$(INSTALL) '.[dev]'
	@touch $@

.venv/synth.stamp: .venv/runtime.stamp
	@echo "Installing the tools for bitstreams into .venv ..." >&2
	@$(INSTALL) '.[synth]'
	@touch $@

.venv/train.stamp: .venv/dev.stamp
	@echo "Installing PyTorch into .venv ..." >&2
	@$(INSTALL) '.[train]'
	@touch $@
