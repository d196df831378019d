package options

import (
	"flag"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// parse returns the options that a command line gives.
func parse(args ...string) (*Options, error) {
	o, fs := &Options{}, flag.NewFlagSet("manager", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return o, o.Validate()
}

func TestOptions(t *testing.T) {
	tests := map[string]struct {
		args string
		want string // in the error; "" for none
	}{
		"defaults":                       {"", ""},
		"an interval too short":          {"--usage-interval=4s", "--usage-interval=4s: must be from 5s to 5m"},
		"an interval too long":           {"--usage-interval=6m", "must be from 5s to 5m"},
		"no writes":                      {"--status-writes-per-second=0", "must be above 0"},
		"not a number of writes":         {"--status-writes-per-second=NaN", "must be above 0"},
		"no workers":                     {"--workers=0", "must be from 1 to 64"},
		"an authority of kubelets":       {"--kubelet-certificate-authority=ca.pem", ""},
		"verified and not":               {"--kubelet-certificate-authority=ca.pem --kubelet-insecure-tls", "only one of them"},
		"an account for kubelets":        {"--kubelet-service-account=killorder-system/killorder-kubelet-reader", ""},
		"an account without a namespace": {"--kubelet-service-account=killorder-kubelet-reader", "must be NAMESPACE/NAME"},
		"an account without a name":      {"--kubelet-service-account=killorder-system/", "must be NAMESPACE/NAME"},
		"a variable that is not set":     {"--kubelet-service-account=$(NAMESPACE)/reader", "must be NAMESPACE/NAME"},
		"address types":                  {"--kubelet-preferred-address-types=Hostname,InternalDNS", ""},
		"an address type that is none":   {"--kubelet-preferred-address-types=InternalIP,Internet", `"Internet" is none of Hostname,InternalIP,`},
		"no address type":                {"--kubelet-preferred-address-types=", `"" is none of`},
		"several mistakes, each by name": {"--workers=0 --usage-interval=1s", "--usage-interval=1s: must be from 5s to 5m\n--workers=0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(strings.Fields(tc.args)...)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v; want %q", err, tc.want)
			}
		})
	}
}

func TestAddressOf(t *testing.T) {
	all := []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "worker-1"},
		{Type: corev1.NodeExternalIP, Address: ""},
		{Type: corev1.NodeInternalIP, Address: "10.0.0.1"},
		{Type: corev1.NodeInternalIP, Address: "fd00::1"},
	}
	tests := map[string]struct {
		flag      string
		addresses []corev1.NodeAddress
		want      string
	}{
		"the default is the internal IP":    {"InternalIP,ExternalIP,Hostname", all, "10.0.0.1"},
		"the preferred type, not the first": {"Hostname,InternalIP", all, "worker-1"},
		"the next type where there is none": {"ExternalIP,InternalDNS, Hostname", all, "worker-1"},
		"none of these types":               {"ExternalDNS", all, ""},
		"a Node without addresses":          {"InternalIP", nil, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parse("--kubelet-preferred-address-types=" + tc.flag)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.KubeletAddressTypes.Of(tc.addresses); got != tc.want {
				t.Errorf("address %q; want %q", got, tc.want)
			}
		})
	}
	if o, err := parse(); err != nil || o.KubeletAddressTypes.String() != "InternalIP,ExternalIP,Hostname" {
		t.Errorf("default %q, %v", o.KubeletAddressTypes.String(), err)
	}
}
