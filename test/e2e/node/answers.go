package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"k8s.io/client-go/rest"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// kubeletPort is the kubelet's default.
const kubeletPort = "10250"

// Configz is the configuration in force, read from the kubelet itself.
func (n *Node) Configz(ctx context.Context) (*kubeletconfig.KubeletConfiguration, error) {
	var answer struct {
		KubeletConfig *kubeletconfig.KubeletConfiguration `json:"kubeletconfig"`
	}
	if err := n.askKubelet(ctx, "/configz", &answer); err != nil {
		return nil, err
	}
	return answer.KubeletConfig, nil
}

// Summary is the kubelet's reading of its node.
func (n *Node) Summary(ctx context.Context) (*stats.Summary, error) {
	summary := &stats.Summary{}
	return summary, n.askKubelet(ctx, "/stats/summary?only_cpu_and_memory=true", summary)
}

// askKubelet asks as the administrator, at the node's address. The kubelet has to show a certificate of the cluster's
// authority with that address in it, as it has to the operator.
func (n *Node) askKubelet(ctx context.Context, path string, answer any) error {
	client, err := rest.HTTPClientFor(n.Config)
	if err != nil {
		return err
	}
	url := "https://" + net.JoinHostPort(n.Host.Address(), kubeletPort) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
