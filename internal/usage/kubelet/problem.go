package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

// Problem is why a kubelet could not be read. Its text is a sentence that stays the same while the cause does.
type Problem struct {
	Cause usage.FailureCause
	Text  string
}

// errNoAddress: the Node does not say where its kubelet is.
var errNoAddress = errors.New("the Node has no address of a preferred type, or no kubelet port")

// problemOf returns the problem behind an error that came up while a kubelet's answer was read; nil for no error. The
// kubelet gives that answer only to those who may get the resource, such as nodes/stats.
func problemOf(err error, resource string) *Problem {
	if err == nil {
		return nil
	}
	var status *statusError
	var other *summary.OtherNodeError
	var content *contentError
	var token *tokenError
	switch {
	case errors.As(err, &token):
		return &Problem{usage.FailedToken, token.text()}
	case errors.Is(err, errNoAddress):
		return &Problem{usage.FailedNoAddress, "The Node names no address of its kubelet."}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &Problem{usage.FailedTimeout, "The kubelet does not answer in time."}
	case errors.As(err, &status):
		return statusProblem(status.code, resource)
	case errors.As(err, &other):
		return otherNode(other.Name)
	case errors.As(err, &content):
		return contentProblem(content.error, resource)
	}
	if p := certificateProblem(err); p != nil {
		return p
	}
	return connectionProblem(err)
}

func statusProblem(code int, resource string) *Problem {
	switch code {
	case http.StatusUnauthorized:
		return &Problem{usage.FailedUnauthorized, "The kubelet answers 401 Unauthorized: it does not accept the operator's token."}
	case http.StatusForbidden:
		return &Problem{usage.FailedForbidden, "The kubelet answers 403 Forbidden: the operator lacks get on " + resource + "."}
	}
	return &Problem{usage.FailedOther, fmt.Sprintf("The kubelet answers %s to a request for %s.", statusText(code), resource)}
}

func otherNode(name string) *Problem {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		name = "a node without a valid name" // the kubelet may have sent any text
	}
	return &Problem{usage.FailedWrongNode, "At the kubelet's address answers " + name + "."}
}

func contentProblem(err error, resource string) *Problem {
	var clock *summary.ClockError
	var bound summary.BoundError
	text := "The kubelet's answer of %s is not what it should be."
	switch {
	case errors.As(err, &clock):
		return &Problem{usage.FailedClock, "The kubelet's figures are not of now: it has stopped measuring, or its clock is wrong."}
	case errors.Is(err, summary.ErrNoMemory):
		text = "The kubelet's answer of %s has no figures of the node's memory."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		text = "The kubelet's answer of %s ends too early."
	case errors.As(err, &bound):
		text = "The kubelet's answer of %s is refused: " + bound.Error() + "."
	}
	return &Problem{usage.FailedGarbage, fmt.Sprintf(text, resource)}
}

func certificateProblem(err error) *Problem {
	var verification *tls.CertificateVerificationError
	var hostname x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	text := ""
	switch {
	case errors.Is(err, errLargeChain):
		text = "The kubelet's certificates are larger than any."
	case errors.As(err, &hostname):
		text = "The kubelet's certificate is not valid for its address."
	case errors.As(err, &authority):
		text = "The kubelet's certificate is signed by an authority that the operator does not trust (--kubelet-certificate-authority)."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		text = "The kubelet's certificate has expired, or is not valid yet."
	case errors.As(err, &verification):
		text = "The kubelet's certificate cannot be verified."
	default:
		return nil
	}
	return &Problem{usage.FailedCertificate, text}
}

func connectionProblem(err error) *Problem {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return &Problem{usage.FailedUnreachable, "The name of the kubelet's address cannot be resolved."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Problem{usage.FailedUnreachable, "The kubelet refuses connections."}
	case errors.As(err, &op) && op.Op == "dial":
		return &Problem{usage.FailedUnreachable, "The kubelet's address cannot be reached."}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return &Problem{usage.FailedUnreachable, "The kubelet closes the connection without an answer."}
	}
	return &Problem{usage.FailedOther, "The kubelet cannot be read; the operator's log says why."}
}
