package compare

import "testing"

// TestSucceeded: a lease without a holder, as a leader that ends leaves behind, has no new leader.
func TestSucceeded(t *testing.T) {
	for name, test := range map[string]struct {
		before, now string
		wantErr     string
	}{
		"the first leader":         {"", "manager-1_a", ""},
		"another leader":           {"manager-1_a", "manager-2_b", ""},
		"the same program, anew":   {"manager-1_a", "manager-1_c", ""},
		"nobody yet":               {"", "", "nobody leads"},
		"nobody after the first":   {"manager-1_a", "", "nobody leads"},
		"the one before, for long": {"manager-1_a", "manager-1_a", `"manager-1_a" still leads`},
	} {
		t.Run(name, func(t *testing.T) {
			text := ""
			if err := succeeded(test.before, test.now); err != nil {
				text = err.Error()
			}
			if text != test.wantErr {
				t.Errorf("error %q, want %q", text, test.wantErr)
			}
		})
	}
}
