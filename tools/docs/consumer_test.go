package main

import (
	"os"
	"strings"
	"testing"
)

// TestConsumerIsSmall: the example is what its page says: a controller under 60 lines, which needs the API's module alone.
func TestConsumerIsSmall(t *testing.T) {
	controller, err := os.ReadFile(root + "/examples/consumer/controller.go")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(controller), "\n"); lines >= 60 {
		t.Errorf("controller.go has %d lines", lines)
	}
	module, err := os.ReadFile(root + "/examples/consumer/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(module)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "github.com/killorder/killorder") && !strings.HasPrefix(line, "github.com/killorder/killorder/api ") {
			t.Errorf("the example requires %s", line)
		}
	}
}
