#!/usr/bin/env bash
# Runs govulncheck in the module of each program: it looks for known vulnerabilities in the code that the program calls. Where
# the database does not answer (a machine without the internet) nothing is checked, and the last line says so;
# VULNCHECK_REQUIRED=1 makes a missing database a failure.
# GOVULNDB names another database, for example a copy: file:///srv/vulndb.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

db=${GOVULNDB:-https://vuln.go.dev}
check() { # check MODULE PACKAGES...
  local status=0 out
  out=$(bin/tools/govulncheck -db "$db" -C "$1" "${@:2}" 2>&1) || status=$?
  # govulncheck ends with 3 where it found a vulnerability. Any other code but 0 is an error, such as no answer from the database.
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
