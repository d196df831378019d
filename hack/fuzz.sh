#!/usr/bin/env bash
# Runs every fuzz target of the main module for FUZZTIME, one after the other: go test fuzzes one at a time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

while IFS=: read -r file target; do
  dir=./$(dirname "$file") name=${target#func }
  echo "fuzz: $dir $name"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-20s}" "$dir"
done < <(git grep -oE --untracked '^func Fuzz[A-Za-z0-9_]+' -- 'api/*_test.go' 'cmd/*_test.go' 'controllers/*_test.go' 'internal/*_test.go')
