#!/usr/bin/env bash
# Runs golangci-lint (or `lint.sh fmt` its formatters) in every module that holds code, all by one configuration.
#
# With cold caches the linters that need types read the source of every dependency: a thousand packages of Kubernetes for
# three files of ours. LINT_FAST names the folders of modules where only the other linters run; CI does so for some.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lint=$PWD/bin/tools/golangci-lint
failed=0
while read -r mod; do
  dir=$(dirname "$mod")
  [[ -n $(go list -C "$dir" ./... 2>/dev/null) ]] || continue # tools/ pins programs, and has no package of its own
  echo "lint: $dir"
  if [[ ${1-} == fmt ]]; then
    (cd "$dir" && "$lint" fmt ./...)
  else
    fast=()
    [[ " ${LINT_FAST-} " != *" $dir "* ]] || fast=(--fast-only)
    (cd "$dir" && "$lint" run "${fast[@]}" ./...) || failed=1
  fi
done < <(git ls-files '*go.mod')
exit "$failed"
