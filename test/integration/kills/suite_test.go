package kills

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/killorder/killorder/test/integration/harness"
)

var (
	k8s               harness.API
	manager, kubeconf string
)

func TestKills(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(90 * time.Second) // the operator writes an object at most once in 30 s
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Operator and killed pods")
}

var _ = BeforeSuite(func() {
	manager = harness.BuildOperator()
	env := harness.ControlPlane()
	k8s, kubeconf = harness.API{Client: harness.Client(env.Config)}, harness.WriteKubeconfig(env)
})
