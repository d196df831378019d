package operator

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/killorder/killorder/test/integration/harness"
)

var (
	env      *envtest.Environment
	k8s      harness.API
	manager  string
	kubeconf string
)

func TestOperator(t *testing.T) {
	RegisterFailHandler(Fail)
	// The operator writes an object at most once in 30 s. A spec that needs no such wait makes the pods before their node:
	// the first order then has all of them.
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Operator without metrics-server")
}

var _ = BeforeSuite(func() {
	manager = harness.BuildOperator()
	env = harness.ControlPlane()
	k8s = harness.API{Client: harness.Client(env.Config)}
	kubeconf = harness.WriteKubeconfig(env)
})
