#!/usr/bin/env bash
# Runs quick tests on the oldest versions of all dependencies that pyproject.toml allows, with
# Python 3.10, and on the newest, with the newest Python. A Python that is missing is said, and the
# project's own takes its place. Run scripts/setup.sh first.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=(
  tests/onnx_graphs tests/files tests/samples tests/program
  tests/preprocess/test_preprocess_steps.py tests/quantize/test_exponents.py
  tests/cli/test_run_and_compare.py tests/debug/test_dumps.py tests/espdl/test_round_trip.py
)

# The first version that is there, among commands and what pyenv has; else the project's own.
first_python() {
  local version candidate
  for version in "$@"; do
    for candidate in "python$version" "$HOME"/.pyenv/versions/"$version".*/bin/python; do
      if "$candidate" -c "import ensurepip, venv, sys
sys.exit(sys.version_info[:2] != tuple(map(int, '$version'.split('.'))))" 2>/dev/null; then
        echo "$candidate"
        return
      fi
    done
  done
  echo "no Python $1: the project's own Python takes its place" >&2
  echo .venv/bin/python
}

run() {
  local name=$1 python=$2 constraints=$3
  "$python" -m venv --clear "$scratch/$name"
  "$scratch/$name/bin/python" -m pip install --quiet --disable-pip-version-check \
    -c "$constraints" ".[test]"
  "$scratch/$name/bin/python" --version
  "$scratch/$name/bin/python" -m pip list --disable-pip-version-check --format=freeze |
    grep -E "^(apache-tvm|flatbuffers|jinja2|numpy|onnx|onnxruntime|threadpoolctl)=" -i
  OMP_NUM_THREADS=1 "$scratch/$name/bin/python" -m pytest -q -p no:cacheprovider \
    -n "$(nproc)" --dist loadgroup "${tests[@]}"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python - > "$scratch/oldest.txt" <<'PYTHON'
import re
from pathlib import Path

listed = re.search(r"^dependencies = \[(.*?)^\]", Path("pyproject.toml").read_text(), re.M | re.S)
for name, version in re.findall(r'"([\w-]+)>=([\d.]+)', listed.group(1)):
    print(f"{name}=={version}.*" if version.count(".") < 2 else f"{name}=={version}")
PYTHON
: > "$scratch/newest.txt"
run oldest "$(first_python 3.10)" "$scratch/oldest.txt"
run newest "$(first_python 3.14 3.13 3.12)" "$scratch/newest.txt"
