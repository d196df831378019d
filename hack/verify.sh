#!/usr/bin/env bash
# Fails if a generated file, a go.mod or the formatting differs from what is committed, and names the file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
complain() { # complain WHAT DETAILS
  failed=1
  printf 'verify: %s\n%s\n' "$1" "$2" >&2
}

hack/generate.sh || complain 'the generators failed' 'see above'
changed=$(git status --porcelain -- 'api/*/zz_generated.*' config/crd/bases config/rbac/role.yaml \
  dist charts bundle bundle.Dockerfile catalog LICENSES.csv docs/api.md docs/pictures examples/story test/integration/api/testdata/versions)
[[ -z $changed ]] || complain "generated files differ from the commit: run 'make generate' and commit" "$changed"

while read -r mod; do
  diff=$(go mod tidy -C "$(dirname "$mod")" -diff) || complain "$mod is not tidy: run 'go mod tidy' in its folder" "$diff"
done < <(git ls-files '*go.mod')

hack/versions.sh || complain "modules that share packages differ in versions" "see above"

unformatted=$(gofmt -s -l $(git ls-files '*.go' | while read -r f; do [[ -f $f ]] && echo "$f"; done))
[[ -z $unformatted ]] || complain "not formatted: run 'make fmt'" "$unformatted"

# The plugin is compiled on people's machines before its first answer: neither the operator's framework nor clients of API
# groups that the plugin does not read belong in the binary.
foreign='^(sigs.k8s.io/controller-runtime|github.com/prometheus|k8s.io/client-go/(kubernetes|discovery|applyconfigurations)|sigs.k8s.io/kustomize)/'
linked=$(go list -deps ./cmd/kubectl-killorder | grep -E "$foreign" || true)
[[ -z $linked ]] || complain "kubectl-killorder links packages that it does not need" "$linked"

# A change of the CRDs must not break people who store or read objects of the last release. The test shows that this check
# fails where a copy of the CRDs is broken on purpose.
go test -C tools/crds -count=1 ./... >/dev/null || complain "the check of the CRDs does not work" "run 'go test -C tools/crds ./...'"
go run -C tools/crds . "$PWD" || complain "the CRDs break what the last release promised" "see above, and docs/upgrading.md"

# The tests check links and anchors, the output of the commands that pages show, the health check for Argo CD and the names of
# metrics. The site is built where mkdocs is installed.
tested=$(go test -C tools/docs -count=1 ./... 2>&1) || complain "the documentation is not true" "$tested"
if command -v mkdocs >/dev/null; then
  built=$(make docs 2>&1) || complain "the site does not build" "$built"
else
  echo "verify: no mkdocs here (Debian: mkdocs, mkdocs-material), so the site is not built; links and anchors are checked without it"
fi

for dir in config/{default,samples,prometheus,grafana}; do
  bin/tools/kustomize build "$dir" >/dev/null || complain "manifests do not build" "$dir"
done

hack/verify-ship.sh || complain 'what is shipped is not as it should be' 'see above'

((failed)) || echo "verify: generated code, manifests, go.mod files and formatting are as they should be"
exit "$failed"
