package cli

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/clusterread"
	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// subjects are the pods and workloads that a command is about.
type subjects struct {
	input
	namespace string
	// kubelets says which are asked; "" where the command leaves no choice.
	kubelets string
}

func (s *subjects) addFlags(flags *pflag.FlagSet) {
	s.input.addFlags(flags)
	flags.StringVarP(&s.namespace, "namespace", "n", "",
		"Namespace of the pods and workloads named (a snapshot is searched whole without it)")
}

// setUp gives a command that is about subjects its flags, the completion of at most so many names (0: any number), and the
// check of the flags before the command runs.
func (s *subjects) setUp(cmd *cobra.Command, o *output, most int) {
	s.addFlags(cmd.Flags())
	o.addFlags(cmd.Flags())
	cmd.ValidArgsFunction = s.completeSubjects(most)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		return cmp.Or(s.input.validate(), o.validate(), kubeletsWanted(s.kubelets))
	}
}

// refs reads names from the command line. Live, a name without a namespace is of the kubeconfig's.
func (s *subjects) refs(args []string) ([]target.Ref, error) {
	namespace, err := s.fallback()
	if err != nil {
		return nil, err
	}
	refs := make([]target.Ref, len(args))
	for i, arg := range args {
		given := s.namespace
		ref, err := target.Parse(arg, given)
		if err != nil {
			return nil, wrongUsage("%w", err)
		}
		if ref.Namespace == "" {
			ref.Namespace = namespace
		}
		refs[i] = ref
	}
	return refs, nil
}

// fallback is the namespace of names that say none: that of --namespace, else, live, the kubeconfig's.
func (s *subjects) fallback() (string, error) {
	if s.namespace != "" || len(s.paths) > 0 {
		return s.namespace, nil
	}
	return s.kube.namespace()
}

// found is what was read about subjects, and judged.
type found struct {
	*clusterread.Cluster
	// pods of each subject, and the judged nodes that they run on; all nodes where there is no subject.
	pods  [][]*facts.Pod
	nodes []*answer.Node
	// missing says of which optional subjects nothing runs.
	missing []error
}

// find reads the nodes of the subjects, and judges them. The notes are printed by the caller.
func (s *subjects) find(ctx context.Context, refs []target.Ref) (*found, error) {
	c, err := s.read(ctx, clusterread.Want{Targets: refs, EveryKubelet: s.kubelets == kubeletsAll})
	if err != nil {
		return nil, err
	}
	f := &found{Cluster: c}
	all := allPods(c.Snapshot)
	onNodes := map[string]bool{}
	for _, ref := range refs {
		pods, err := target.Find(all, ref)
		if ref.Missing(err) {
			f.missing, pods = append(f.missing, err), nil
		} else if err != nil {
			return nil, err
		}
		f.pods = append(f.pods, pods)
		for _, p := range pods {
			onNodes[p.Node] = true
		}
	}
	names := slices.Sorted(maps.Keys(onNodes))
	if len(f.missing) > 0 && len(names) == 0 {
		return nil, f.missing[0]
	}
	judged, notes, err := judge(c.Snapshot, names, 0)
	if err != nil {
		return nil, err
	}
	c.Notes = append(c.Notes, notes...)
	for i := range judged {
		f.nodes = append(f.nodes, judged[i].answerable(c))
	}
	return f, nil
}

// answerable is the judged node as package answer takes it.
func (j *judged) answerable(c *clusterread.Cluster) *answer.Node {
	return &answer.Node{
		Verdict: &j.verdict, Policy: &c.Policy.Policy, Now: c.Now, Partial: len(c.Namespaces) > 0,
		Forecast: j.order.Status.Summary.Forecast,
	}
}

// allPods of a snapshot, by the names of their nodes.
func allPods(s *snapshot.Snapshot) (pods []*facts.Pod) {
	for i := range s.Nodes {
		pods = append(pods, s.PodsOf(s.Nodes[i].Name)...)
	}
	return pods
}

// livePriority is the value of a PriorityClass of the cluster.
func (s *subjects) livePriority(ctx context.Context, class string) (int32, error) {
	config, err := s.kube.restConfig()
	if err != nil {
		return 0, err
	}
	return clusterread.PriorityClass(ctx, config, class)
}
