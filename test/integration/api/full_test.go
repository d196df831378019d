package api

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
	"github.com/killorder/killorder/internal/status/statustest"
)

// most is the bound of a stored NodeKillOrder, in bytes of JSON, managedFields included.
const most = 10_000

// kubectlGet returns what `kubectl get nko NAME` prints, by the columns' heads.
func kubectlGet(ctx SpecContext, name string, flags ...string) map[string]string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		Expect(os.WriteFile(path, data, 0o600)).To(Succeed())
		return path
	}
	args := append([]string{
		"--server=" + config.Host, "--certificate-authority=" + file("ca", config.CAData), "--client-certificate=" + file("cert", config.CertData),
		"--client-key=" + file("key", config.KeyData), "get", "nko", name,
	}, flags...)
	kubectl := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	kubectl.Env = []string{"HOME=" + dir}
	output, err := kubectl.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
	GinkgoWriter.Printf("kubectl get nko %s\n%s", strings.Join(flags, " "), output)
	lines := strings.Split(strings.TrimRight(string(output), "\n"), "\n")
	Expect(lines).To(HaveLen(2))
	cells := map[string]string{}
	heads := regexp.MustCompile(`\S+`).FindAllStringIndex(lines[0], -1)
	for i, head := range heads {
		end := len(lines[1])
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		cells[lines[0][head[0]:head[1]]] = strings.TrimSpace(lines[1][head[0]:end])
	}
	return cells
}

var _ = Describe("A NodeKillOrder of 110 pods and three kills", Ordered, func() {
	const name = "full"
	var written *metav1.ObjectMeta
	BeforeAll(func(ctx SpecContext) {
		owner := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(k8s.Create(ctx, owner)).To(Succeed())
		n, history := factstest.Generated(110), &status.History{}
		n.Name = name
		var found []v1alpha1.Kill
		for i := range v1alpha1.MaxKills {
			found = append(found, statustest.Kill(i))
		}
		history.SetKills(found, nil)
		writer := &publish.Writer{Client: k8s}
		Expect(writer.CreateOrder(ctx, name, owner.UID)).To(Succeed())
		for range 2 { // the second time, published figures are there
			_, s := status.Judge(n, factstest.Policy(), history, 10, 1, factstest.Now)
			var err error
			written, err = writer.WriteOrder(ctx, name, &s)
			Expect(err).NotTo(HaveOccurred())
			history.SetPublished(&s)
		}
		DeferCleanup(func(ctx SpecContext) {
			_ = k8s.Delete(ctx, owner)
			_ = k8s.Delete(ctx, object("NodeKillOrder", name, ""))
		})
	})

	It("stays under 10 kB, and still says what to change", func(ctx SpecContext) {
		o := &v1alpha1.NodeKillOrder{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: name}, o)).To(Succeed())
		Expect(o.ManagedFields).NotTo(BeEmpty(), "they count")
		stored, err := json.Marshal(o)
		Expect(err).NotTo(HaveOccurred())
		said, err := json.Marshal(o.Status)
		Expect(err).NotTo(HaveOccurred())
		text := fmt.Sprintf("%d bytes, %d of them status: %d findings of %d, %d limits, %d kills",
			len(stored), len(said), len(o.Status.Findings), o.Status.Summary.Findings, len(o.Status.LimitOrder), len(o.Status.Kills))
		AddReportEntry("size", text)
		GinkgoWriter.Println(text)
		Expect(len(stored)).To(BeNumerically("<=", most), text)
		Expect(o.Status.Kills).To(HaveLen(v1alpha1.MaxKills))
		Expect(o.Status.EvictionOrder).To(HaveLen(10))
		Expect(o.Status.OOMOrder).To(HaveLen(10))
		Expect(o.Status.Findings).NotTo(BeEmpty(), text)
	})

	It("is known to its writer by the answer to the write", func(ctx SpecContext) {
		o := &v1alpha1.NodeKillOrder{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: name}, o)).To(Succeed())
		Expect(written.UID).To(Equal(o.UID))
		Expect(written.ResourceVersion).To(Equal(o.ResourceVersion))
	})

	It("refuses a field that the schema does not have, although the writer asks for no validation of fields", func(ctx SpecContext) {
		body := `{"apiVersion":"killorder.io/v1alpha1","kind":"NodeKillOrder","metadata":{"name":"full"},"status":{"mood":"good"}}`
		err := k8s.Status().Patch(ctx, object("NodeKillOrder", name, ""), client.RawPatch(types.ApplyPatchType, []byte(body)),
			client.FieldOwner("test"), client.FieldValidation(metav1.FieldValidationIgnore))
		Expect(err).To(MatchError(ContainSubstring("mood: field not declared in schema")))
	})

	It("shows its last kill in a column of its own", func(ctx SpecContext) {
		cells := kubectlGet(ctx, name, "-o", "wide")
		Expect(cells).To(HaveKeyWithValue("LAST-KILL", "60s PodsOOM team-checkout/recommendation-engine"))
		Expect(cells).To(HaveKeyWithValue("SOURCE", "MetricsAPI"))
		for _, column := range []string{
			"HEADROOM", "FIRST-EVICTED", "FIRST-OOM", "AT-RISK", "FINDINGS", "READY", "AGE", "AVAILABLE", "CAPACITY", "REQUESTED",
		} {
			Expect(cells).To(HaveKeyWithValue(column, Not(BeEmpty())))
		}
		Expect(kubectlGet(ctx, name)).NotTo(HaveKey("LAST-KILL"))
	})
})
