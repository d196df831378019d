package kubelets

import "k8s.io/apimachinery/pkg/util/version"

var hugepageAwareSince = version.MustParseGeneric("1.37.0")

// hugepageAware tells whether a kubelet takes huge pages off memory.available.
func hugepageAware(kubeletVersion string) bool {
	v, err := version.ParseGeneric(kubeletVersion)
	return err == nil && v.AtLeast(hugepageAwareSince)
}
