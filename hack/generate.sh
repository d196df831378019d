#!/usr/bin/env bash
# Writes what follows from the API types and the RBAC markers: deepcopy, apply configurations, CRDs, the manager's
# role. Files that nothing generates any more (a type was removed) are deleted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gen=bin/tools/controller-gen
header=headerFile=hack/boilerplate.go.txt
stamp=$(mktemp)
trap 'rm -f "$stamp"' EXIT

"$gen" "object:$header" paths=./api/...
"$gen" "applyconfiguration:$header" paths=./api/...
"$gen" crd paths=./api/... output:crd:artifacts:config=config/crd/bases
"$gen" rbac:roleName=manager-role "paths=./controllers/...;./internal/app/..." output:rbac:artifacts:config=config/rbac

find api config/crd/bases -type f ! -newer "$stamp" \
  \( -name 'zz_generated.*' -o -path '*/applyconfiguration/*' -o -path 'config/crd/bases/*' \) -print -delete
