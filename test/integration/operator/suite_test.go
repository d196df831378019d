package operator

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/killorder/killorder/test/integration/harness"
)

var (
	env      *envtest.Environment
	k8s      client.Client
	manager  string
	kubeconf string
)

func TestOperator(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(75 * time.Second) // an object is written at most once in 30 s
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Operator without metrics-server")
}

var _ = BeforeSuite(func() {
	manager = harness.BuildOperator()
	env = harness.ControlPlane()
	k8s = harness.Client(env.Config)
	kubeconf = harness.WriteKubeconfig(env)
})
