package kubelet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// Newest is the Kubernetes minor that judge/go.mod is of. The others have a modfile each.
const Newest = "1.37"

// BuildJudge builds the judge of a Kubernetes minor such as "1.37" and returns its path. The first build of a
// minor takes minutes, since it compiles the kubelet; what is up to date is not built again.
func BuildJudge(minor string) (string, error) {
	binary, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "conformance", "judge-"+minor))
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", binary}
	if minor != Newest {
		args = append(args, "-modfile=go."+minor+".mod", "-tags="+strings.Join(tags(minor), ","))
	}
	build := exec.Command("go", append(args, ".")...)
	build.Dir = "judge"
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the judge of Kubernetes %s: %w\n%s", minor, err, out)
	}
	return binary, nil
}

// tags of the judge of a minor: its own, as in kubernetes_1_34, and one for each later minor, as in before_1_35.
func tags(minor string) []string {
	all := []string{"kubernetes_" + strings.ReplaceAll(minor, ".", "_")}
	for later := facts.Minor(minor) + 1; later <= facts.Minor(Newest); later++ {
		all = append(all, fmt.Sprintf("before_1_%d", later))
	}
	return all
}

// Judge is a running judge. It answers one question at a time.
type Judge struct {
	wire.Hello
	process *exec.Cmd
	stdin   io.WriteCloser
	encode  *json.Encoder
	decode  *json.Decoder
}

// StartJudge starts a judge.
func StartJudge(binary string) (*Judge, error) {
	j := &Judge{process: exec.Command(binary)}
	j.process.Stderr = os.Stderr
	var err error
	if j.stdin, err = j.process.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := j.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := j.process.Start(); err != nil {
		return nil, err
	}
	j.encode, j.decode = json.NewEncoder(j.stdin), json.NewDecoder(bufio.NewReader(stdout))
	if err := j.decode.Decode(&j.Hello); err != nil {
		return nil, errors.Join(fmt.Errorf("the judge says no hello: %w", err), j.Stop())
	}
	return j, nil
}

// Stop ends the judge.
func (j *Judge) Stop() error {
	return errors.Join(j.stdin.Close(), j.process.Wait())
}

// Admit asks what the API server makes of manifests.
func (j *Judge) Admit(m []wire.Manifest[corev1.Pod]) ([]wire.Admitted[corev1.Pod], error) {
	a, err := j.ask(&wire.Question[corev1.Pod]{Admit: m})
	if err != nil {
		return nil, err
	}
	if len(a.Admitted) != len(m) {
		return nil, fmt.Errorf("%d manifests, %d answers", len(m), len(a.Admitted))
	}
	return a.Admitted, nil
}

// Judge asks what the kubelet does with its pods.
func (j *Judge) Judge(n *wire.Node[corev1.Pod]) (*wire.Verdict, error) {
	a, err := j.ask(&wire.Question[corev1.Pod]{Judge: n})
	if err != nil {
		return nil, err
	}
	return a.Verdict, nil
}

func (j *Judge) ask(q *wire.Question[corev1.Pod]) (*wire.Answer[corev1.Pod], error) {
	if err := j.encode.Encode(q); err != nil {
		return nil, err
	}
	var a wire.Answer[corev1.Pod]
	if err := j.decode.Decode(&a); err != nil {
		return nil, fmt.Errorf("the judge gives no answer: %w", err)
	}
	if a.Error != "" {
		return nil, fmt.Errorf("the judge cannot answer: %s", a.Error)
	}
	return &a, nil
}
