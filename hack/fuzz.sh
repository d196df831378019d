#!/usr/bin/env bash
# Runs every fuzz target of the parsers in the main module for FUZZTIME: as many targets at a time as there are processors,
# one worker for each. `fuzz.sh all` also runs the targets of properties, whose input is the seed of a random test. A new seed
# is a new random test, which may find a bug that is older than the change under test. So in CI `go test` runs the properties
# with the seeds in the code alone, and only `make nightly` draws new seeds.
#
# `go test -fuzz` compiles all packages anew with the fuzzer's counters, the thousand packages of Kubernetes too: that takes
# minutes. This script compiles our own packages alone with counters and takes the others from the build cache, so a target
# starts within seconds. The counters of our packages are enough, because our code is what the fuzzer shall search.
#
# The fuzzer spends at most two seconds on making an input smaller: Go's default is a minute, which can be all of FUZZTIME.
#
# With FUZZSEED every run makes the same mutations, and begins with the inputs in the code alone: CI must not fail by chance.
# Without FUZZSEED the mutations are random, and a run goes on from the inputs that earlier runs found.
#
# Targets run in a copy of the tree, because the fuzzer writes a failing input to testdata, where tests that run at the same
# time would read it. The script prints a failing input and keeps it in bin/fuzz; copy it to the package's testdata to make it
# a test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CGO_ENABLED=0 FUZZTIME=${FUZZTIME:-20s} ROOT=$PWD

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/tree"
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz
if [[ -n ${FUZZSEED-} ]]; then export GODEBUG=fuzzseed=$FUZZSEED; cache=$work/cache; fi

# fuzz PROGRAM COPY PACKAGE NAME CACHE: prints its output when it has ended, so that those of two targets do not mix.
fuzz() {
  local program=$1 copy=$2 package=$3 name=$4 cache=$5 log=$1.$4.log failed=0
  local found=testdata/fuzz/$name keep=$ROOT/bin/fuzz/$package
  mkdir -p "$cache/$name"
  cd "$copy/$package"
  touch "$log.before"
  "$program" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$FUZZTIME" -test.parallel 1 -test.fuzzminimizetime 2s -test.fuzzcachedir "$cache" \
    >"$log" 2>&1 || failed=1
  printf 'fuzz: %s %s\n' "$package" "$name"
  # Go before 1.27 may call the end of FUZZTIME a failure on a busy machine (golang/go#75804): the only complaint then is
  # the deadline, and there is no failing input.
  if ((failed)) && [[ $(grep -A 1 -e '^--- FAIL' "$log") =~ ^"--- FAIL: $name ("[0-9.]+s\)$'\n'"    context deadline exceeded"$ ]] &&
    ! grep -qiE 'panic|failing input|hung or terminated' "$log" && [[ -z $(find "$found" -type f -newer "$log.before" 2>/dev/null) ]]; then
    failed=0
  fi
  if ((!failed)); then grep '^fuzz: elapsed' "$log" | tail -1; return; fi
  cat "$log"
  find "$found" -type f -newer "$log.before" 2>/dev/null | while read -r input; do
    mkdir -p "$keep/$found"
    cp "$input" "$keep/$found"
    printf 'fuzz: the failing input is in bin/fuzz/%s\n' "$package/$input"
    head -c 4096 "$input"
  done
  return 1
}
export -f fuzz

targets=$work/targets
git grep -oE --untracked '^func Fuzz[A-Za-z0-9_]+' -- 'cmd/*_test.go' 'controllers/*_test.go' 'internal/*_test.go' |
  while IFS=: read -r file target; do
    if [[ ${1-} != all ]] && grep -qF 'f.Fuzz(func(t *testing.T, seed uint64)' "$file"; then continue; fi
    package=$(dirname "$file") program=$work/$(dirname "$file" | tr / -).test
    [[ -x $program ]] || go test -c -gcflags="$module/...=-d=libfuzzer" -o "$program" "./$package" >&2
    printf '%s\n' "$program" "$work/tree" "$package" "${target#func }" "$cache/$module/$package"
  done >"$targets"
echo "fuzz: $(($(wc -l <"$targets") / 5)) targets, $FUZZTIME each, on $(nproc) processors"
xargs -d '\n' -n 5 -P "$(nproc)" bash -c 'fuzz "$@"' _ <"$targets"
