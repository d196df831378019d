package api

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/killorder/killorder/test/integration/harness"
)

var (
	env    *envtest.Environment
	k8s    client.Client
	config *rest.Config
	// manager is the operator's program.
	manager string
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(time.Minute)
	RunSpecs(t, "API")
}

var _ = BeforeSuite(func() {
	manager = harness.BuildOperator() // no spec has to wait for a build
	env = harness.ControlPlane()
	config = env.Config
	k8s = harness.Client(config)
})
