package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/killorder/killorder/internal/cli/answer"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

// settings are what whatif sets in pods, as kubectl set resources has them.
type settings struct {
	requests, limits string
	containers       string
	class            string
	priority         int32
	hasPriority      bool

	// request and limit in bytes, unset if negative.
	request, limit int64
}

const unset = answer.Unset

func (s *settings) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.requests, "requests", "", "Requests to set in the pods named: memory=QUANTITY")
	flags.StringVar(&s.limits, "limits", "", "Limits to set in the pods named: memory=QUANTITY; memory=0 takes the limit away")
	flags.StringVarP(&s.containers, "containers", "c", "", "The container to set requests and limits of; all containers without it")
	flags.StringVar(&s.class, "priority-class", "", "PriorityClass to give the pods named")
	flags.Int32Var(&s.priority, "priority", 0, "Priority to give the pods named, where no PriorityClass has it")
}

// validate returns an error of wrong usage, and reads the amounts.
func (s *settings) validate(flags *pflag.FlagSet) (err error) {
	s.hasPriority = flags.Changed("priority")
	if s.hasPriority && s.class != "" {
		return wrongUsage("--priority and --priority-class say the same: give one of them")
	}
	if s.request, err = memoryOf("requests", s.requests); err != nil {
		return err
	}
	s.limit, err = memoryOf("limits", s.limits)
	return err
}

// given reports whether anything is to be set.
func (s *settings) given() bool {
	return s.request != unset || s.limit != unset || s.hasPriority || s.class != ""
}

// memoryOf reads memory=QUANTITY.
func memoryOf(flag, value string) (int64, error) {
	if value == "" {
		return unset, nil
	}
	name, text, ok := strings.Cut(value, "=")
	if !ok || name != "memory" {
		return 0, wrongUsage("invalid value %q for --%s, must be memory=QUANTITY: only memory decides who dies", value, flag)
	}
	return bytesOf(flag, text)
}

// bytesOf reads an amount of memory.
func bytesOf(flag, text string) (int64, error) {
	q, err := quantity.Parse(text)
	switch {
	case err != nil:
		return 0, wrongUsage("invalid amount %q for --%s: %v", text, flag, err)
	case q.Sign() < 0:
		return 0, wrongUsage("invalid amount %q for --%s, must be 0 or more", text, flag)
	}
	return min(q.Value(), facts.MaxBytes), nil
}

// change is the settings as the engine takes them. priority is that of the class, or the one given.
func (s *settings) change(priority int32) whatif.Change {
	return func(p *facts.PodState) {
		podLevel := s.ofPod(p.Pod)
		for i := range p.Containers {
			if c := &p.Containers[i]; c.Kind != facts.Ephemeral && (s.containers == "" || s.containers == c.Name) && !podLevel {
				s.container(p, c.Name, c.Request)
			}
		}
		if podLevel {
			s.inAll(p)
		}
		if s.hasPriority || s.class != "" {
			whatif.Priority(priority)(p)
			p.NodeCritical = p.Exempt && s.class == "system-node-critical"
		}
	}
}

// ofPod reports whether requests and limits are set in the pod's own resources: it has some, and no container is named.
func (s *settings) ofPod(p *facts.Pod) bool { return p.PodLevel() && s.containers == "" }

// container sets the request before the limit, as given: what the API server refuses is found later.
func (s *settings) container(p *facts.PodState, name string, request int64) {
	limit := s.limit
	for _, c := range p.Containers {
		if c.Name == name && limit == unset {
			limit = c.Limit
		}
	}
	if s.request != unset {
		request = s.request
	}
	whatif.Request(name, request)(p)
	whatif.Limit(name, limit)(p)
}

func (s *settings) inAll(p *facts.PodState) {
	limit := p.Limit
	if s.limit != unset {
		limit = s.limit
	}
	if s.request != unset {
		whatif.RequestInAll(s.request)(p)
	}
	whatif.LimitInAll(limit)(p)
}

// command makes the change to a workload, "" if kubectl cannot, or its name is not fit for a shell.
func (s *settings) command(p *facts.Pod) string {
	kind, name := strings.ToLower(p.Workload.Kind), p.Workload.Name
	if name == "" || kind == "job" || !answer.FitForShell(kind, name, p.Namespace, s.containers, s.class) {
		return ""
	}
	var commands []string
	switch {
	case s.request == unset && s.limit == unset:
	case s.ofPod(p):
		// kubectl set resources knows containers only.
		commands = append(commands, fmt.Sprintf(`kubectl patch %s %s -n %s -p '{"spec":{"template":{"spec":{"resources":%s}}}}'`,
			kind, name, p.Namespace, s.resources()))
	default:
		commands = append(commands, answer.SetResources(p, s.containers, s.request, s.limit))
	}
	if s.class != "" {
		commands = append(commands, fmt.Sprintf(`kubectl patch %s %s -n %s -p '{"spec":{"template":{"spec":{"priorityClassName":"%s"}}}}'`,
			kind, name, p.Namespace, s.class))
	}
	return strings.Join(commands, " && ")
}

// resources are the settings as JSON of a patch. A limit of 0 is taken away.
func (s *settings) resources() string {
	var fields []string
	if s.request != unset {
		fields = append(fields, fmt.Sprintf(`"requests":{"memory":%q}`, facts.Amount(s.request)))
	}
	switch {
	case s.limit == 0:
		fields = append(fields, `"limits":{"memory":null}`)
	case s.limit != unset:
		fields = append(fields, fmt.Sprintf(`"limits":{"memory":%q}`, facts.Amount(s.limit)))
	}
	return "{" + strings.Join(fields, ",") + "}"
}
