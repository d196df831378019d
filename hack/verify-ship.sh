#!/usr/bin/env bash
# What is handed out (image, manifests, chart, bundle, plugin archives) is as it should be. Part of `make verify`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go test -C tools/image -count=1 ./...
go test -C tools/ship -count=1 ./...

bin/tools/actionlint
bin/tools/helm lint --strict --quiet charts/killorder
bin/tools/opm validate catalog
