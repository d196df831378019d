#!/usr/bin/env bash
# Writes what follows from the API types and the RBAC markers (deepcopy, CRDs, the manager's role) and what is shipped of
# config/. Files that nothing generates any more (a type was removed) are deleted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gen=$PWD/bin/tools/controller-gen
header=headerFile=$PWD/hack/boilerplate.go.txt
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# take FOLDER PATTERN: replaces the files of FOLDER that match PATTERN by the generated files. take writes only files that
# differ, because CI compiles and installs from FOLDER at the same time.
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

# The test of upgrades needs the CRDs of each release, and those of the version in development.
kept=test/integration/api/testdata/versions/v$(<VERSION)/crds
mkdir -p "$kept"
for crd in config/crd/bases/*.yaml; do cmp -s "$crd" "$kept/${crd##*/}" || cp "$crd" "$kept"; done

# examples/story, which the README shows: the cluster at the end of the demo's scenario. Without -update the test compares.
go test -C test/cluster ./snapshot -run '^TestStory$' -update -count=1 >/dev/null

# The reference of the API, and the pictures in docs/pictures, which a test draws from verdicts of the engine.
(cd api && ../bin/tools/crd-ref-docs --log-level ERROR --config ../hack/api-docs/config.yaml --templates-dir ../hack/api-docs \
  --renderer markdown --source-path v1alpha1 --output-path ../docs/api.md)
go test -C tools/docs -run '^TestPictures$' -update -count=1 . >/dev/null

# What a release ships: manifests for kubectl, the Helm chart with its README, the OLM bundle and its catalog.
go run -C tools/ship . install chart bundle
bin/tools/helm-docs --log-level warning --chart-search-root charts --template-files README.md.gotmpl
{
  echo '# Made by `make generate` from bundle/ (opm render). Change it there.'
  bin/tools/opm render bundle --migrate-level bundle-object-to-csv-metadata \
    --alpha-image-ref-template 'ghcr.io/killorder/killorder-bundle:v{{.Version}}' -o yaml | sed '1{/^---$/d;}'
} >catalog/killorder/bundle.yaml

# LICENSES.csv: the modules that the programs link, and their licences.
hack/licenses.sh
