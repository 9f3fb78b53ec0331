#!/usr/bin/env bash
# Installs what the tests need and runs all checks: ruff, mypy, pytest and the golden replay.
# Arguments go to pytest.
#
# Cross compilers and QEMU come from Debian's packages when that is allowed; else the tests that
# need them are skipped and say so. With TVM_ESPDL_REQUIRE_TOOLS=1 such a skip is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

bash scripts/setup.sh test lint
# The fuzzer has no wheels for every Python; without it one test is skipped and says so.
bash scripts/setup.sh fuzz || [ "${TVM_ESPDL_REQUIRE_TOOLS:-0}" != 1 ]

packages=()
command -v gcc >/dev/null || packages+=(gcc libc6-dev)
echo "int main(void) { return 0; }" | clang -fsanitize=address -x c - -o /dev/null 2>/dev/null ||
  packages+=(clang libclang-rt-dev)
command -v g++ >/dev/null || packages+=(g++)
command -v cmake >/dev/null || packages+=(cmake make)
command -v riscv64-unknown-elf-gcc >/dev/null ||
  packages+=(gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf)
command -v xtensa-lx106-elf-gcc >/dev/null ||
  packages+=(gcc-xtensa-lx106 picolibc-xtensa-lx106-elf)
command -v qemu-system-riscv32 >/dev/null && command -v qemu-system-xtensa >/dev/null ||
  packages+=(qemu-system-misc)
command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null ||
  packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
if [ ${#packages[@]} -gt 0 ]; then
  install_packages "${packages[@]}" || [ "${TVM_ESPDL_REQUIRE_TOOLS:-0}" != 1 ]
fi

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# One thread each: the tests themselves run side by side, those of one file on one worker, so that
# what they share is made once. (nproc heeds OMP_NUM_THREADS, too.)
workers=$(nproc)
export OMP_NUM_THREADS=1
.venv/bin/pytest -q -n "$workers" --dist loadgroup "$@"
# What the compiler writes is what it was; `--diff HEAD` shows a difference, `--update` accepts it.
.venv/bin/python scripts/golden_replay.py
