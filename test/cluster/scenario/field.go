package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fields parses the values of one object and keeps the first error, so that
// compiling reads as a list of fields and not as a list of error checks.
type fields struct {
	object string
	err    error
}

func (f *fields) fail(field, format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %s: %s", f.object, field, fmt.Sprintf(format, args...))
	}
}

func (f *fields) check(ok bool, field, format string, args ...any) {
	if !ok {
		f.fail(field, format, args...)
	}
}

func (f *fields) quantity(field string, s scalar) resource.Quantity {
	q, err := resource.ParseQuantity(string(s))
	if err != nil {
		f.fail(field, "want a quantity like 200Mi, have %q", s)
	}
	f.check(q.Sign() >= 0, field, "is negative: %s", s)
	return q
}

// bytes is 0 for an absent value.
func (f *fields) bytes(field string, s scalar) int64 {
	if s == "" {
		return 0
	}
	q := f.quantity(field, s)
	return q.Value()
}

func (f *fields) duration(field string, s scalar) time.Duration {
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(string(s))
	f.check(err == nil && d >= 0, field, "want a duration like 3m, have %q", s)
	return d
}

// percent returns a fraction, or the default if the value is absent.
func (f *fields) percent(field string, s scalar, absent float64) float64 {
	if s == "" {
		return absent
	}
	p, err := strconv.ParseFloat(strings.TrimSuffix(string(s), "%"), 64)
	f.check(err == nil && p >= 0 && p <= 100, field, "want 0%% to 100%%, have %q", s)
	return p / 100
}

func (f *fields) resources(field string, in map[string]scalar) corev1.ResourceList {
	if len(in) == 0 {
		return nil
	}
	out := make(corev1.ResourceList, len(in))
	for name, s := range in {
		out[corev1.ResourceName(name)] = f.quantity(field+"."+name, s)
	}
	return out
}

func (f *fields) requirements(prefix string, requests, limits map[string]scalar) corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{
		Requests: f.resources(prefix+"requests", requests),
		Limits:   f.resources(prefix+"limits", limits),
	}
	for name, request := range r.Requests {
		if limit, ok := r.Limits[name]; ok && request.Cmp(limit) > 0 {
			f.fail(prefix+"requests."+string(name), "%s is more than the limit %s", request.String(), limit.String())
		}
	}
	return r
}

// curve reads a usage; an absent one is 0 bytes.
func (f *fields) curve(field string, u *usageSpec) Curve {
	if u == nil {
		return Curve{}
	}
	c := Curve{
		From:  f.bytes(field, u.From),
		After: f.duration(field+".after", u.After),
		Over:  f.duration(field+".over", u.Over),
		Noise: f.percent(field+".noise", u.Noise, 0),
	}
	c.To = c.From
	if u.To != "" {
		c.To = f.bytes(field+".to", u.To)
		f.check(c.Over > 0, field+".over", "is missing: how long the growth to %s takes", u.To)
	}
	return c
}

func isHugepages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}
