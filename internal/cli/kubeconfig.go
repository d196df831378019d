package cli

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfig is the cluster and the user that kubectl's own flags and files choose. The type uses clientcmd alone: the flags of
// cli-runtime choose the same, and link kustomize and the discovery client, which nothing here uses.
type kubeconfig struct {
	files     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
}

func newKubeconfig() *kubeconfig {
	k := &kubeconfig{
		files:     clientcmd.NewDefaultClientConfigLoadingRules(),
		overrides: clientcmd.ConfigOverrides{ClusterDefaults: clientcmd.ClusterDefaults},
	}
	k.files.DefaultClientConfig = &clientcmd.DefaultClientConfig
	return k
}

// addFlags adds kubectl's flags but --namespace, which only some commands have.
func (k *kubeconfig) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&k.files.ExplicitPath, clientcmd.RecommendedConfigPathFlag, "", "Path to the kubeconfig file to use for CLI requests.")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	for _, not := range []*clientcmd.FlagInfo{
		&names.ContextOverrideFlags.Namespace, &names.AuthOverrideFlags.Username, &names.AuthOverrideFlags.Password,
	} {
		not.LongName = ""
	}
	clientcmd.BindOverrideFlags(&k.overrides, flags, names)
}

func (k *kubeconfig) load() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(k.files, &k.overrides)
}

// restConfig is how to reach the cluster, as the user.
func (k *kubeconfig) restConfig() (*rest.Config, error) {
	config, err := k.load().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return config, nil
}

// namespace is the one that the kubeconfig's context names, or "default".
func (k *kubeconfig) namespace() (string, error) {
	namespace, _, err := k.load().Namespace()
	return namespace, err
}
