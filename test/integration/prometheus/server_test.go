package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/test/integration/harness"
)

// promServer is a running Prometheus.
type promServer struct{ url string }

// startServer starts a Prometheus that scrapes the target as the ServiceMonitor says, once for each token: a job
// of its name, "" for none. It evaluates the alerts, and stops with the suite.
func startServer(target string, e *endpoint, tokens map[string]string) *promServer {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	Expect(writeRules(filepath.Join(dir, "rules.yaml"))).To(Succeed())
	var jobs []any
	for job, token := range tokens {
		config := map[string]any{
			"job_name": job, "scheme": e.Scheme, "metrics_path": e.Path, "honor_labels": e.HonorLabels,
			"tls_config": map[string]any{"insecure_skip_verify": e.TLSConfig.InsecureSkipVerify},
			"static_configs": []any{map[string]any{
				"targets": []string{target},
				"labels":  map[string]string{"namespace": namespace, "pod": "killorder-manager-0", "container": "manager", "endpoint": e.Port},
			}},
		}
		if token != "" {
			config["authorization"] = map[string]any{"credentials": token}
		}
		jobs = append(jobs, config)
	}
	config, err := yaml.Marshal(map[string]any{
		// The timeout cannot be longer than the interval, and a busy machine takes its time to answer.
		"global":     map[string]any{"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "2s"},
		"rule_files": []string{"rules.yaml"}, "scrape_configs": jobs,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(dir, "prometheus.yaml"), config, 0o600)).To(Succeed())
	program, err := binary("prometheus")
	Expect(err).NotTo(HaveOccurred())
	listen := harness.FreeAddress()
	command := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen, "--log.level=warn")
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Eventually(session.Terminate(), time.Minute).Should(gexec.Exit()) })
	s := &promServer{url: "http://" + listen}
	Eventually(func(ctx context.Context) error { return s.get(ctx, "/api/v1/status/buildinfo", nil, nil) }).
		WithContext(context.Background()).Should(Succeed())
	return s
}

// get asks the API and decodes the answer's data.
func (s *promServer) get(ctx context.Context, path string, parameters url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          json.RawMessage
	}{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %s: %w", path, response.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, into)
}

// sample of an instant query.
type sample struct {
	Labels map[string]string
	Value  float64
}

// query now.
func (s *promServer) query(ctx context.Context, expr string) ([]sample, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := s.get(ctx, "/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	samples := make([]sample, 0, len(data.Result))
	for _, r := range data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{r.Metric, value})
	}
	return samples, nil
}

// scraped is a target, as Prometheus sees it.
type scraped struct {
	Labels    map[string]string
	Health    string
	LastError string
}

func (s *promServer) targets(ctx context.Context) (map[string]scraped, error) {
	var data struct{ ActiveTargets []scraped }
	if err := s.get(ctx, "/api/v1/targets", nil, &data); err != nil {
		return nil, err
	}
	targets := map[string]scraped{}
	for _, t := range data.ActiveTargets {
		targets[t.Labels["job"]] = t
	}
	return targets, nil
}

// ruleState is an alert as Prometheus evaluates it.
type ruleState struct {
	Name, State, Health, LastError string
	Alerts                         []struct{ Labels, Annotations map[string]string }
}

func (s *promServer) rules(ctx context.Context) (map[string]ruleState, error) {
	var data struct {
		Groups []struct{ Rules []ruleState }
	}
	if err := s.get(ctx, "/api/v1/rules", nil, &data); err != nil {
		return nil, err
	}
	rules := map[string]ruleState{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			rules[r.Name] = r
		}
	}
	return rules, nil
}
