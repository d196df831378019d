package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// auditPolicy records what the watched account asks of the API server, and what others, kubelets above all, ask
// about accounts, with the answer. Watches are recorded as they begin, for they may not end before the log is read.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["%s"]
- level: RequestResponse
  resources: [{group: authorization.k8s.io, resources: [subjectaccessreviews]}]
- level: None
`

// ServiceAccount returns the user name that the API server gives a service account.
func ServiceAccount(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// AuditEvent is the part that matters of an audit.k8s.io/v1 Event.
type AuditEvent struct {
	AuditID, Verb, RequestURI string
	User                      struct{ Username string }
	// ObjectRef is nil where the request is for no resource.
	ObjectRef *struct{ Resource, Subresource, Namespace, Name, APIGroup string }
	// ResponseStatus is nil where there was none to tell.
	ResponseStatus           *struct{ Code int32 }
	RequestReceivedTimestamp time.Time
	// ResponseObject is what was answered, for access reviews only; nil where the API server answered with an error.
	ResponseObject *authorizationv1.SubjectAccessReview
}

func (n *Node) auditLog() string { return filepath.Join(n.Logs, "audit.log") }

func (n *Node) writeAuditPolicy() error {
	return os.WriteFile(n.path("audit-policy.yaml"), fmt.Appendf(nil, auditPolicy, n.Watched), 0o644)
}

func (n *Node) auditFlags() []string {
	return []string{
		"--audit-policy-file=" + n.path("audit-policy.yaml"), "--audit-log-path=" + n.auditLog(),
		"--audit-log-mode=blocking", "--audit-log-maxsize=2000", // MB, far more than a run writes: nothing is rotated away
	}
}

// Audit returns the API server's audit log so far, one event a request.
func (n *Node) Audit() (events []AuditEvent, err error) {
	file, err := os.Open(n.auditLog())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	at := map[string]int{}
	lines := bufio.NewScanner(file)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		e, err := auditEvent(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", n.auditLog(), err, lines.Bytes())
		}
		if i, again := at[e.AuditID]; again { // a watch that has ended since
			events[i] = e
			continue
		}
		at[e.AuditID] = len(events)
		events = append(events, e)
	}
	return events, lines.Err()
}

// auditEvent reads one line of the log. An access review that failed, as one that timed out, has a Status as its answer.
func auditEvent(line []byte) (AuditEvent, error) {
	var e struct {
		AuditEvent
		ResponseObject json.RawMessage
	}
	if err := json.Unmarshal(line, &e); err != nil || len(e.ResponseObject) == 0 {
		return e.AuditEvent, err
	}
	var answer struct{ Kind string }
	if err := json.Unmarshal(e.ResponseObject, &answer); err != nil || answer.Kind == "Status" {
		return e.AuditEvent, err
	}
	return e.AuditEvent, json.Unmarshal(e.ResponseObject, &e.AuditEvent.ResponseObject)
}
