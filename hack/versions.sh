#!/usr/bin/env bash
# Fails if two modules that share packages require different versions of a dependency, and says which. The build cache
# keeps one copy of a package for each version: what differs is compiled once more, in minutes where client-go needs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# tools and api stand alone, as do the programs that share nothing with Kubernetes' (containerd, the CNI plugins), and
# kube-state-metrics, which does not compile with the Kubernetes libraries of the others.
modules=(go.mod tools/{crds,docs}/go.mod examples/consumer/go.mod test/{cluster,cluster/builds/kubernetes,e2e,scale,conformance/kubelet,conformance/kubelet/judge}/go.mod)

# Lines are "DEPENDENCY VERSION"; v0.0.0 stands for a replaced module, whose version is elsewhere.
different=$(sed -nE 's/^(require )?[[:space:]]*([a-z0-9.-]+\.[a-z]+\/[^ ]+) (v[^ ]+).*/\2 \3/p' "${modules[@]}" |
  grep -v ' v0\.0\.0$' | sort -u | cut -d' ' -f1 | uniq -d)
[[ -n $different ]] || exit 0
echo "these are required in different versions: raise the lower one with 'go get' in its folder" >&2
while read -r dependency; do
  grep -HF -- "$dependency " "${modules[@]}" | sed 's/:[[:space:]]*/: /' >&2
done <<<"$different"
exit 1
