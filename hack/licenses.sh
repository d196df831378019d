#!/usr/bin/env bash
# Writes LICENSES.csv: what the operator and the plugin are made of, on every system that they are built for, and under which
# licence; fails on a licence that is not among those below (ALLOWED=... tries another list).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

allowed=${ALLOWED:-Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT,Unlicense}
template=$(mktemp) said=$(mktemp)
trap 'rm -f "$template" "$said"' EXIT
printf '{{ range . }}{{ .Name }},{{ .LicenseName }}\n{{ end }}' >"$template"
GOROOT=$(go env GOROOT) # go-licenses finds out by GOROOT which packages are of the standard library
export GOROOT

all=()
for system in linux darwin windows; do
  programs=(./cmd/kubectl-killorder)
  [[ $system == linux ]] && programs=(./cmd/...)
  run() { GOOS=$system bin/tools/go-licenses "$@" --ignore github.com/killorder/killorder 2>"$said"; }
  run check "${programs[@]}" --allowed_licenses "$allowed" ||
    { echo "licenses: $system: a licence is not one of $allowed, or go-licenses failed:" >&2; cat "$said" >&2; exit 1; }
  all+=("$(run report "${programs[@]}" --template "$template" || cat "$said" >&2)")
done
{
  echo 'package,licence'
  printf '%s\n' "${all[@]}" | sed '/^$/d' | LC_ALL=C sort -u
} >LICENSES.csv
