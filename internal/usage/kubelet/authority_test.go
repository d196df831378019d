package kubelet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// TestAuthoritiesThatChange: the authorities in the file decide which kubelets are trusted. The file is read once a minute;
// while it holds no usable certificate, the authorities that it held before stay trusted.
func TestAuthoritiesThatChange(t *testing.T) {
	other, err := os.ReadFile("testdata/other-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, "worker-1")
	file := filepath.Join(t.TempDir(), "ca.crt")
	write := func(content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(other)
	r := rigOf(t, &rest.Config{Host: "https://api.invalid", BearerToken: token}, Trust{CAFile: file}, 30*time.Second, f)
	for _, step := range []struct {
		name        string
		change      func()
		after       time.Duration
		wantTrusted bool
	}{
		{"another authority", func() {}, 0, false},
		{"the kubelet's own is added, too late for this minute", func() { write(append(other, certificateOf(f)...)) }, 30 * time.Second, false},
		{"a minute later", func() {}, 90 * time.Second, true},
		{"the file is gone", func() { _ = os.Remove(file) }, 3 * time.Minute, true},
		{"it holds no certificate", func() { write([]byte("soon")) }, 5 * time.Minute, true},
		{"the kubelet's own is taken away, and its session does not help it", func() { write(other) }, 7 * time.Minute, false},
	} {
		step.change()
		_, failures := r.at(t, step.after)
		if trusted := len(failures) == 0; trusted != step.wantTrusted {
			t.Errorf("%s: trusted %t; failures %v", step.name, trusted, failures)
		}
	}
}
