#!/usr/bin/env bash
# Prints a folder that has promtool and prometheus: those on the PATH, else Debian's, unpacked into bin/prometheus.
# Unpacked and not installed, since installing the package starts a Prometheus as a service.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

fail() { echo "promtool and prometheus (2.42 or newer) are needed: $1" >&2; exit 1; }

if found=$(command -v promtool) && command -v prometheus >/dev/null; then
  dirname "$found"
  exit
fi
unpacked=$PWD/bin/prometheus/usr/bin
if [[ ! -x $unpacked/promtool || ! -x $unpacked/prometheus ]]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "put them on the PATH; without apt-get they cannot be fetched here"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  [[ $EUID -ne 0 ]] || chown _apt "$work" # apt downloads as its own user
  fetch() (cd "$work" && apt-get download -qq prometheus >&2)
  if ! fetch; then # the package lists are missing or old
    [[ $EUID -eq 0 ]] || fail "apt-get download failed, see above; 'sudo apt-get update' may help, or put them on the PATH"
    apt-get update -qq >&2 && fetch || fail "apt-get could not fetch Debian's package prometheus, see above"
  fi
  mkdir -p bin/prometheus
  dpkg-deb -x "$work"/prometheus_*.deb bin/prometheus
fi
"$unpacked/promtool" --version >/dev/null || fail "Debian's do not run on this machine, see above; put others on the PATH"
echo "$unpacked"
