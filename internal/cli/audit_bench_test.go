package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/killorder/killorder/internal/manifest"
)

// deployment as people write it: 55 lines, of which a few are about memory.
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  namespace: team-%[2]d
  labels: {app.kubernetes.io/name: web-%[1]d, app.kubernetes.io/managed-by: Helm}
spec:
  replicas: 3
  selector:
    matchLabels: {app.kubernetes.io/name: web-%[1]d}
  template:
    metadata:
      labels: {app.kubernetes.io/name: web-%[1]d}
      annotations: {prometheus.io/scrape: "true", prometheus.io/port: "8080"}
    spec:
      serviceAccountName: web
      securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app.kubernetes.io/name: web-%[1]d}}
      initContainers:
      - name: migrate
        image: registry.example/migrate:1.2.3
        command: [/migrate, up]
        resources:
          requests: {memory: 64Mi, cpu: 50m}
      containers:
      - name: app
        image: registry.example/web:1.2.3
        ports:
        - {name: http, containerPort: 8080, protocol: TCP}
        env:
        - {name: LOG_LEVEL, value: info}
        - name: DATABASE_PASSWORD
          valueFrom: {secretKeyRef: {name: web-%[1]d, key: password}}
        readinessProbe:
          httpGet: {path: /ready, port: http}
          periodSeconds: 5
        livenessProbe:
          httpGet: {path: /live, port: http}
          initialDelaySeconds: 10
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
        volumeMounts:
        - {name: config, mountPath: /etc/web, readOnly: true}
        - {name: tmp, mountPath: /tmp}
      - name: log
        image: registry.example/log:4.5.6
      volumes:
      - {name: config, configMap: {name: web-%[1]d}}
      - {name: tmp, emptyDir: {medium: Memory}}
`

// BenchmarkAuditOfAThousandManifests: what audit takes, beside what parsing the same files to YAML nodes takes, and reading them
// into objects.
func BenchmarkAuditOfAThousandManifests(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		path := filepath.Join(dir, fmt.Sprintf("%04d.yaml", i))
		if err := os.WriteFile(path, fmt.Appendf(nil, deployment, i, i%20), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			parseAll(b, dir)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if m, err := manifest.Read(b.Context(), []string{dir}, nil); err != nil || len(m.Workloads) != 1000 {
				b.Fatal(err)
			}
		}
	})
	b.Run("audit", func(b *testing.B) {
		for b.Loop() {
			var out bytes.Buffer
			if status := Run(b.Context(), []string{"audit", "-f", dir}, Streams{Out: &out, Err: &out}); status != exitFine {
				b.Fatal(out.String())
			}
		}
	})
}

func parseAll(b *testing.B, dir string) {
	b.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		for d := yaml.NewDecoder(bytes.NewReader(raw)); ; {
			var n yaml.Node
			if err := d.Decode(&n); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
