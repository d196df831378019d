package api

import (
	"testing"

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
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API")
}

var _ = BeforeSuite(func() {
	env = harness.ControlPlane()
	config = env.Config
	k8s = harness.Client(config)
})
