#!/usr/bin/env bash
# Makes .venv in the project's root and installs the project into it, with the extras given as
# arguments (default: test lint); with test, the networks that tests take from public packages as
# well. Does nothing that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

extras=${*:-test lint}

newest_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Python 3.10 or newer is needed; found: $(python3 --version 2>&1)" >&2
  return 1
}

if [ ! -x .venv/bin/python ]; then
  python=$(newest_python)
  # Debian ships venv apart from Python.
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages python3-venv
  fi
  "$python" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[${extras// /,}]"

# Networks for tests, where the registry is reached.
if [[ " $extras " == *" test "* ]]; then
  bash scripts/networks.sh || [ "${TVM_ESPDL_REQUIRE_TOOLS:-0}" != 1 ]
fi
