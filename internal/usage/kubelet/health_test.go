package kubelet

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/usage"
)

// TestHealth plays the table of health's comment: each history of answers (A) and failures (F) ends in a phase.
func TestHealth(t *testing.T) {
	for name, want := range map[string]struct {
		history string
		phase   phase
		text    string
	}{
		"never asked":                         {"", phaseNew, ""},
		"New, an answer":                      {"A", phaseRead, ""},
		"New, a failure":                      {"F", phaseNew, "down"},
		"New, a failure, an answer":           {"FA", phaseRead, ""},
		"New, two failures":                   {"FF", phaseFailed, "down"},
		"Read, an answer":                     {"AA", phaseRead, ""},
		"Read, a failure":                     {"AF", phaseRead, ""},
		"Read, failures that are not in row":  {"AFAFAFA", phaseRead, ""},
		"Read, two failures":                  {"AFF", phaseFailed, "down"},
		"Failed, a failure":                   {"AFFF", phaseFailed, "down"},
		"Failed, an answer":                   {"AFFA", phaseFailed, "The kubelet answers again, after it did not."},
		"Failed, two answers":                 {"AFFAA", phaseFailed, "The kubelet answers again, after it did not."},
		"Failed, three answers":               {"AFFAAA", phaseRead, ""},
		"Failed, answers that are not in row": {"AFFAAFAAF", phaseFailed, "down"},
		"Failed, a failure in between":        {"FFAFAAA", phaseRead, ""},
		"Read again, a failure":               {"FFAAAF", phaseRead, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var h health
			now := start
			for _, outcome := range want.history {
				if now = now.Add(10 * time.Minute); outcome == 'A' {
					h.succeed(now)
				} else {
					h.fail(&Problem{Text: "down"}, errors.New("down"), 30*time.Second, now)
				}
			}
			if h.phase != want.phase || h.text() != want.text {
				t.Errorf("phase %d, %q; want %d, %q", h.phase, h.text(), want.phase, want.text)
			}
			if failing := strings.HasSuffix(want.history, "F"); h.failing() != failing || (h.err != nil) != failing || h.mayAsk(now) == failing {
				t.Errorf("failing %t with %v, may be asked %t", h.failing(), h.err, h.mayAsk(now))
			}
			if want.history != "" && !h.askedAt.Equal(now) {
				t.Errorf("asked at %s, want %s", h.askedAt, now)
			}
		})
	}
}

// Without a token no request is sent: a kubelet that was never asked still counts as never asked, and so is among the first.
func TestHealthWithoutAToken(t *testing.T) {
	var h health
	token := &Problem{Text: "no token", Cause: usage.FailedToken}
	h.fail(token, errors.New("no token"), 30*time.Second, start)
	if !h.askedAt.IsZero() || !h.lacksToken() || !h.mayAsk(start) {
		t.Errorf("asked at %s, lacks a token %t, may be asked %t", h.askedAt, h.lacksToken(), h.mayAsk(start))
	}
	h.fail(token, errors.New("no token"), 30*time.Second, start)
	if h.phase != phaseNew || h.suspect {
		t.Errorf("phase %d, suspect %t, of a kubelet that was never asked", h.phase, h.suspect)
	}
	for range 2 * tolerated {
		h.fail(token, errors.New("no token"), 30*time.Second, start)
	}
	first := h
	first.fail(&Problem{Text: "refuses"}, errors.New("refuses"), 30*time.Second, start)
	if first.inARow != 1 || first.phase != phaseNew {
		t.Errorf("%d failures in a row, phase %d, after the first request that was sent", first.inARow, first.phase)
	}
	h.succeed(start.Add(time.Second))
	if h.phase != phaseRead {
		t.Errorf("phase %d after an answer", h.phase)
	}
	h.fail(token, errors.New("no token"), 30*time.Second, start.Add(time.Minute))
	if want := start.Add(time.Second); !h.askedAt.Equal(want) {
		t.Errorf("asked at %s, want %s", h.askedAt, want)
	}
	h.fail(&Problem{Text: "hangs"}, errors.New("hangs"), 30*time.Second, start.Add(2*time.Minute))
	h.fail(token, errors.New("no token"), 30*time.Second, start.Add(3*time.Minute))
	if !h.suspect {
		t.Error("a kubelet that hung is trusted after a request that was never sent")
	}
}

// TestHealthWhenTheClockJumps: no kubelet is left alone for an hour because the clock was put back.
func TestHealthWhenTheClockJumps(t *testing.T) {
	var h health
	for range 20 {
		h.fail(&Problem{}, errors.New("down"), 30*time.Second, start)
	}
	for name, tc := range map[string]struct {
		now  time.Time
		want bool
	}{
		"no jump":              {start, false},
		"an hour back":         {start.Add(-time.Hour), true},
		"an hour ahead":        {start.Add(time.Hour), true},
		"after the whole wait": {start.Add(maxBackoff), true},
	} {
		if got := h.mayAsk(tc.now); got != tc.want {
			t.Errorf("%s: may be asked %t, want %t", name, got, tc.want)
		}
	}
}
