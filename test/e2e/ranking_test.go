package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// kubeletLog is what the kubelet logs from now on. The log tells the kubelet's whole order; evictions show only its
// beginning.
type kubeletLog struct{ from int }

func openKubeletLog() kubeletLog {
	ginkgo.GinkgoHelper()
	return kubeletLog{len(readKubeletLog())}
}

func readKubeletLog() string {
	ginkgo.GinkgoHelper()
	data, err := os.ReadFile(filepath.Join(machine.Logs, "kubelet.log"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return string(data)
}

var ranked = regexp.MustCompile(`"Eviction manager: pods ranked for eviction" pods=\[([^\]]*)\]`)

// firstRanking is the kubelet's order of the pods of the scenes when the kubelet first had to evict, without the pod `less`.
func (l kubeletLog) firstRanking(less string) (pods []string) {
	ginkgo.GinkgoHelper()
	m := ranked.FindStringSubmatch(readKubeletLog()[l.from:])
	gomega.Expect(m).NotTo(gomega.BeNil(), "the kubelet logged no ranking")
	for quoted := range strings.SplitSeq(m[1], ",") {
		namespace, name, _ := strings.Cut(strings.Trim(quoted, `"`), "/")
		if namespace == scenes && name != less {
			pods = append(pods, name)
		}
	}
	return pods
}
