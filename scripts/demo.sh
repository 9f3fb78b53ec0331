#!/usr/bin/env bash
# Installs everything into .venv and runs the demo: the whole way on a small real model.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

if ! command -v gcc >/dev/null; then
  install_packages gcc libc6-dev || echo "without gcc, the demo stops before its last step" >&2
fi
[ -x .venv/bin/tvm-espdl ] || bash scripts/setup.sh test
.venv/bin/tvm-espdl demo
