package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/loader"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// loadedFile has, in the folder of KeepLoaded, what is not in etcd's data.
const loadedFile = "loaded.json"

// loaded says which objects a folder of KeepLoaded has.
type loaded struct {
	// Started is when the nodes and pods started, as their status says.
	Started time.Time `json:"started"`
	// Nodes and Pods are their UIDs, in the order of the scenario.
	Nodes []string `json:"nodes"`
	Pods  []string `json:"pods"`
}

// uids returns where the model has the UIDs of its nodes and pods, in its order.
func uids(model *scenario.Model) (nodes, pods []*string) {
	for _, n := range model.Nodes {
		nodes = append(nodes, &n.UID)
		for _, p := range n.Pods {
			pods = append(pods, &p.UID)
		}
	}
	return nodes, pods
}

// KeepLoaded loads the scenario into a cluster of its own and keeps what etcd
// then holds in a new folder, from which Start can begin (Options.Loaded).
// Besides the scenario's objects, the folder has only those that every API
// server makes. The versions before the last one of each object are removed.
func KeepLoaded(ctx context.Context, options Options, folder string) error {
	options.Loaded, options.Binaries.MetricsServer = "", ""
	c, err := Start(ctx, options)
	if err != nil {
		return err
	}
	defer c.Stop()
	c.mu.Lock()
	apiserver, etcd := c.apiserver, c.etcd
	c.apiserver, c.etcd = nil, nil
	c.mu.Unlock()
	apiserver.stop(5 * time.Second)
	err = c.compact(ctx)
	etcd.stop(time.Minute)
	if err != nil {
		return err
	}
	return c.keep(folder)
}

// keep writes the folder under another name first, so that a folder of that name is always whole.
func (c *Cluster) keep(folder string) error {
	var l loaded
	l.Started = c.kubelets.Started()
	nodes, pods := uids(c.Scenario)
	for _, uid := range nodes {
		l.Nodes = append(l.Nodes, *uid)
	}
	for _, uid := range pods {
		l.Pods = append(l.Pods, *uid)
	}
	text, err := json.Marshal(&l)
	if err != nil {
		return err
	}
	part := folder + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(part, etcdData), os.DirFS(c.path(etcdData))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(part, loadedFile), text, 0o600); err != nil {
		return err
	}
	return os.Rename(part, folder)
}

// compact removes the versions of objects that are not the last one from etcd, through its HTTP gateway.
func (c *Cluster) compact(ctx context.Context) error {
	var status struct {
		Header struct {
			Revision json.Number `json:"revision"`
		} `json:"header"`
	}
	if err := c.askEtcd(ctx, "/v3/maintenance/status", map[string]any{}, &status); err != nil {
		return err
	}
	compaction := map[string]any{"revision": status.Header.Revision.String(), "physical": true}
	if err := c.askEtcd(ctx, "/v3/kv/compaction", compaction, nil); err != nil {
		return err
	}
	return c.askEtcd(ctx, "/v3/maintenance/defragment", map[string]any{}, nil)
}

func (c *Cluster) askEtcd(ctx context.Context, path string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d%s", c.etcdPort, path)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answers %s with %s", path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// simulateLoaded answers for the kubelets of nodes that etcd's data has already.
func (c *Cluster) simulateLoaded(ctx context.Context) (*kubelets.Server, error) {
	file := filepath.Join(c.Loaded, loadedFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var l loaded
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	nodes, pods := uids(c.Scenario)
	if err := errors.Join(setAll(nodes, l.Nodes), setAll(pods, l.Pods)); err != nil {
		return nil, fmt.Errorf("%s is not of this scenario: %w", file, err)
	}
	s := simulation{
		at: c.NodeAddress, nodes: c.Scenario.Nodes, config: c.config, authority: c.authority, started: l.Started, progress: c.Progress,
	}
	return s.serve(func(l *loader.Loader) error { return l.Readdress(ctx, c.Scenario.Nodes) })
}

func setAll(to []*string, values []string) error {
	if len(to) != len(values) {
		return fmt.Errorf("it has %d UIDs, the scenario %d", len(values), len(to))
	}
	for i := range to {
		*to[i] = values[i]
	}
	return nil
}
