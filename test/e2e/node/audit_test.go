package node

import "testing"

func TestAuditEvent(t *testing.T) {
	for name, tc := range map[string]struct {
		line     string
		wantUser string
		wantNone bool
	}{
		"a review": {
			`{"verb":"create","responseObject":{"kind":"SubjectAccessReview","spec":{"user":"a"},"status":{"allowed":true}}}`,
			"a", false,
		},
		"a review timed out":   {`{"verb":"create","responseObject":{"kind":"Status","status":"Failure","message":"Timeout"}}`, "", true},
		"no answer in the log": {`{"verb":"create"}`, "", true},
	} {
		e, err := auditEvent([]byte(tc.line))
		switch {
		case err != nil || e.Verb != "create" || (e.ResponseObject == nil) != tc.wantNone:
			t.Errorf("%s: %+v, %v", name, e, err)
		case !tc.wantNone && (e.ResponseObject.Spec.User != tc.wantUser || !e.ResponseObject.Status.Allowed):
			t.Errorf("%s: %+v", name, e.ResponseObject)
		}
	}
}
