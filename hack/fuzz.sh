#!/usr/bin/env bash
# Runs every fuzz target of the main module for FUZZTIME, as many at a time as there are processors, one worker each.
#
# `go test -fuzz` compiles all packages anew with the fuzzer's counters, Kubernetes' thousand among them: minutes before
# the first input. Here our own packages alone have counters, the others come from the build cache, and a target starts
# within seconds; the fuzzer is guided by our code, which is what it is to search.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export CGO_ENABLED=0 FUZZTIME=${FUZZTIME:-20s}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz

# fuzz PROGRAM DIR NAME: prints its output when it has ended, so that those of two targets do not mix.
fuzz() {
  local program=$1 dir=$2 name=$3 log=$1.$3.log failed=0
  mkdir -p "$4/$name"
  (cd "$dir" && "$program" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$FUZZTIME" -test.parallel 1 \
    -test.fuzzcachedir "$4") >"$log" 2>&1 || failed=1
  printf 'fuzz: %s %s\n' "${dir#"$PWD"/}" "$name"
  if ((failed)); then cat "$log"; else tail -2 "$log"; fi
  return "$failed"
}
export -f fuzz

targets=$work/targets
git grep -oE --untracked '^func Fuzz[A-Za-z0-9_]+' -- 'cmd/*_test.go' 'controllers/*_test.go' 'internal/*_test.go' |
  while IFS=: read -r file target; do
    dir=$(dirname "$file") program=$work/$(dirname "$file" | tr / -).test
    [[ -x $program ]] || go test -c -gcflags="$module/...=-d=libfuzzer" -o "$program" "./$dir" >&2
    printf '%s\n' "$program" "$root/$dir" "${target#func }" "$cache/$module/$dir"
  done >"$targets"
echo "fuzz: $(($(wc -l <"$targets") / 4)) targets, $FUZZTIME each, on $(nproc) processors"
xargs -d '\n' -n 4 -P "$(nproc)" bash -c 'fuzz "$@"' _ <"$targets"
