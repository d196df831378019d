package chart

import "strings"

// chartFile is Chart.yaml. Artifact Hub shows what the annotations say.
func chartFile(version string) string {
	return strings.ReplaceAll(`# Made by `+"`make generate`"+` from the file VERSION. Change it in tools/ship/chart.
apiVersion: v2
name: killorder
type: application
version: $VERSION
appVersion: v$VERSION
kubeVersion: ">=1.34.0-0"
description: For each node, who dies first when memory runs out, whether that is the right one, and what to change
home: https://github.com/killorder/killorder
icon: https://raw.githubusercontent.com/killorder/killorder/main/docs/icon.svg
sources:
- https://github.com/killorder/killorder
keywords: [memory, oom, eviction, node-pressure, monitoring, operator]
maintainers:
- name: The killorder authors
  url: https://github.com/killorder
annotations:
  artifacthub.io/category: monitoring-logging
  artifacthub.io/license: Apache-2.0
  artifacthub.io/operator: "true"
  artifacthub.io/operatorCapabilities: Basic Install
  artifacthub.io/images: |
    - name: killorder
      image: ghcr.io/killorder/killorder:v$VERSION
      platforms: [linux/amd64, linux/arm64]
  artifacthub.io/crds: |
    - kind: NodeKillOrder
      version: v1alpha1
      name: nodekillorders.killorder.io
      displayName: Node kill order
      description: Who dies first if this node runs out of memory. The operator keeps one for each Node.
    - kind: KillOrderPolicy
      version: v1alpha1
      name: killorderpolicies.killorder.io
      displayName: Kill order policy
      description: What counts as critical, and the roll-up of the cluster. There is one, named default.
  artifacthub.io/crdsExamples: |
    - apiVersion: killorder.io/v1alpha1
      kind: KillOrderPolicy
      metadata: {name: default}
      spec:
        critical:
          podSelector:
            matchLabels: {killorder.io/critical: "true"}
  artifacthub.io/links: |
    - name: Install
      url: https://github.com/killorder/killorder/blob/main/docs/install.md
    - name: Runbooks
      url: https://github.com/killorder/killorder/blob/main/docs/runbooks.md
    - name: What killorder trusts
      url: https://github.com/killorder/killorder/blob/main/docs/security.md
  artifacthub.io/changes: |
    - kind: added
      description: See https://github.com/killorder/killorder/blob/main/CHANGELOG.md
`, "$VERSION", version)
}
