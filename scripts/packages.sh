# Sourced by the other scripts: installs Debian packages where that is allowed, else says which.
#
# install_packages PACKAGE...: as root or with password-less sudo; returns 1 with a message when
# it may not. It never asks for a password.

install_packages() {
  local runner=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      echo "missing: $*; install with: sudo apt-get install $*" >&2
      return 1
    fi
    runner=(sudo)
  fi
  if ! command -v apt-get >/dev/null; then
    echo "missing: $*; this script can install them on Debian and Ubuntu only" >&2
    return 1
  fi
  "${runner[@]}" apt-get update -qq &&
    "${runner[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
