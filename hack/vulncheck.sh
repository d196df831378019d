#!/usr/bin/env bash
# Looks for known vulnerabilities in what the programs call, in the module of each. Where the database does not answer (a
# machine without the internet) nothing is checked, and the last line says so; VULNCHECK_REQUIRED=1 makes that a failure.
# GOVULNDB names another database, for example a copy: file:///srv/vulndb.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

db=${GOVULNDB:-https://vuln.go.dev}
check() { # check MODULE PACKAGES...
  local status=0 out
  out=$(bin/tools/govulncheck -db "$db" -C "$1" "${@:2}" 2>&1) || status=$?
  # 3: it found something. Anything else but 0 is an error, that of a silent database among them.
  if ((status != 0 && status != 3)) && grep -qE 'fetching vulnerabilities|creating client' <<<"$out"; then
    tail -n 1 <<<"$out" >&2
    echo "vulncheck: $db does not answer: NOTHING WAS CHECKED" >&2
    [[ ${VULNCHECK_REQUIRED:-} == 1 ]] && exit 1
    exit 0
  fi
  printf '%s\n' "$out"
  ((status == 0)) || { echo "vulncheck: see above for $1" >&2; exit 1; }
}

if (($#)); then
  check "$@"
else
  check . ./cmd/...
fi
echo "vulncheck: no known vulnerability is called, by $db"
