package prometheus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/test/integration/harness"
)

// prometheusRule is what the tests read of the kind of prometheus-operator's.
type prometheusRule struct {
	Kind string `json:"kind"`
	Spec struct {
		Groups []struct {
			Name  string         `json:"name"`
			Rules []alertingRule `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

type alertingRule struct {
	Alert         string            `json:"alert"`
	Expr          string            `json:"expr"`
	For           string            `json:"for,omitempty"`
	KeepFiringFor string            `json:"keep_firing_for,omitempty"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
}

// endpoint of a ServiceMonitor, as far as a scrape_config follows from it.
type endpoint struct {
	Port, Scheme, Path string
	HonorLabels        bool
	TLSConfig          struct{ InsecureSkipVerify bool }
}

type serviceMonitor struct {
	Spec struct {
		Endpoints []endpoint
		Selector  struct{ MatchLabels map[string]string }
	}
}

// configFile is a file under config/.
func configFile(elements ...string) string {
	return filepath.Join(append([]string{harness.Root(), "config"}, elements...)...)
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// alerts of config/prometheus.
func alerts() ([]alertingRule, error) {
	var rule prometheusRule
	if err := read(configFile("prometheus", "alerts.yaml"), &rule); err != nil {
		return nil, err
	}
	var all []alertingRule
	for _, g := range rule.Spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no alerts in %s", configFile("prometheus", "alerts.yaml"))
	}
	return all, nil
}

// writeRules writes the groups of the PrometheusRule as Prometheus itself reads them: as a rule file. Fields that
// Prometheus does not know make it fail, since nothing is dropped on the way.
func writeRules(path string) error {
	var rule struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := read(configFile("prometheus", "alerts.yaml"), &rule); err != nil {
		return err
	}
	groups, err := yaml.JSONToYAML(rule.Spec)
	if err != nil {
		return err
	}
	return os.WriteFile(path, groups, 0o600)
}

// binary is a program of Prometheus's.
func binary(name string) (string, error) {
	command := exec.Command(filepath.Join(harness.Root(), "test", "integration", "prometheus", "binaries.sh"))
	var problems bytes.Buffer
	command.Stderr = &problems
	dir, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, problems.String())
	}
	return filepath.Join(strings.TrimSpace(string(dir)), name), nil
}
