#!/usr/bin/env bash
# Writes what follows from the API types and the RBAC markers (deepcopy, CRDs, the manager's role) and what is shipped of
# config/. Files that nothing generates any more (a type was removed) are deleted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gen=$PWD/bin/tools/controller-gen
header=headerFile=$PWD/hack/boilerplate.go.txt
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# take FOLDER PATTERN: the files of FOLDER that match become those that were made for it. Only a file that differs is written:
# CI compiles and installs at the same time.
take() {
  local file
  for file in "$made/$1"/*; do cmp -s "$file" "$1/${file##*/}" || cp "$file" "$1"; done
  for file in "$1"/$2; do [[ -e $made/$1/${file##*/} ]] || rm -v "$file"; done
}

(cd api && "$gen" "object:$header" crd paths=./v1alpha1 \
  "output:object:dir=$made/api/v1alpha1" "output:crd:artifacts:config=$made/config/crd/bases")
"$gen" rbac:roleName=manager-role "paths=./controllers/...;./internal/app/..." "output:rbac:artifacts:config=$made/config/rbac"
take api/v1alpha1 'zz_generated.*'
take config/crd/bases '*'
take config/rbac role.yaml

# The definitions of the version at work are kept with those of each release, for the test of upgrades.
kept=test/integration/api/testdata/versions/v$(<VERSION)/crds
mkdir -p "$kept"
for crd in config/crd/bases/*.yaml; do cmp -s "$crd" "$kept/${crd##*/}" || cp "$crd" "$kept"; done

# The README's example: the demo's scenario at its end. Its test in the same package compares, and so does `make test`.
go test -C test/cluster ./snapshot -run '^TestStory$' -update -count=1 >/dev/null

# The reference of the API, and the pictures, which the engine draws.
(cd api && ../bin/tools/crd-ref-docs --log-level ERROR --config ../hack/api-docs/config.yaml --templates-dir ../hack/api-docs \
  --renderer markdown --source-path v1alpha1 --output-path ../docs/api.md)
go test -C tools/docs -run '^TestPictures$' -update -count=1 . >/dev/null

# What is handed out: manifests for kubectl, the chart with its page of values, the bundle and the catalog that has it.
go run -C tools/ship . install chart bundle
bin/tools/helm-docs --log-level warning --chart-search-root charts --template-files README.md.gotmpl
{
  echo '# Made by `make generate` from bundle/ (opm render). Change it there.'
  bin/tools/opm render bundle --migrate-level bundle-object-to-csv-metadata \
    --alpha-image-ref-template 'ghcr.io/killorder/killorder-bundle:v{{.Version}}' -o yaml | sed '1{/^---$/d;}'
} >catalog/killorder/bundle.yaml

# What the programs are made of.
hack/licenses.sh
