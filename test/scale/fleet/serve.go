package fleet

import (
	"bufio"
	"crypto/tls"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/killorder/killorder/internal/usage/kubelet"
	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

//go:embed scenario.yaml
var scenarioText string

// brokenHost is the address of the kubelets that hang or fail: the simulated ones have lower addresses of 127/8.
const brokenHost = "127.99.0.1"

// ServeIfAsked answers for kubelets, and does not return, in a process that Start began.
func ServeIfAsked() {
	count, err := strconv.Atoi(os.Getenv(environment))
	if err != nil {
		return
	}
	if err := serve(count, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulated kubelets:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(count int, questions io.Reader, answers io.Writer) error {
	model, err := scenario.Parse(fmt.Appendf(nil, scenarioText, count))
	if err != nil {
		return err
	}
	authority, err := pki.NewAuthority("kubelets")
	if err != nil {
		return err
	}
	server, err := kubelets.Listen(model.Nodes, authority, apiServer(), time.Now())
	if err != nil {
		return err
	}
	server.Serve()
	d := describe(model, server)
	d.CA = authority.CertPEM()
	if err := greet(d.Nodes); err != nil {
		return err
	}
	var counts counts
	if d.Hanging, err = counts.hang(); err != nil {
		return err
	}
	if d.Failing, err = fail(authority); err != nil {
		return err
	}
	to := json.NewEncoder(answers)
	if err := to.Encode(d); err != nil {
		return err
	}
	for asked := bufio.NewScanner(questions); asked.Scan(); {
		if err := to.Encode(Count{Hung: counts.hung.Load(), Open: counts.open.Load()}); err != nil {
			return err
		}
	}
	return nil
}

// greet asks every kubelet once, so that it makes its certificate: a real kubelet has its certificate before the first request.
func greet(nodes []kubelet.Node) error {
	anyone := &tls.Config{InsecureSkipVerify: true}
	for i := range nodes {
		conn, err := tls.Dial("tcp4", net.JoinHostPort(nodes[i].Host, strconv.Itoa(int(nodes[i].Port))), anyone)
		if err != nil {
			return err
		}
		_ = conn.Close()
	}
	return nil
}

func describe(model *scenario.Model, server *kubelets.Server) *Description {
	d := &Description{Pods: make(map[string]Pod, model.Pods)}
	for _, n := range model.Nodes {
		at := server.Address(n)
		d.Nodes = append(d.Nodes, kubelet.Node{
			Name: n.Name, UID: "uid-" + n.Name, Host: at.Addr().String(), Port: int32(at.Port()), BootID: "boot-1", Version: "v1.37.2",
		})
		for _, p := range n.Pods {
			pod := Pod{Node: n.Name}
			for i := range p.Class.Containers {
				pod.Containers = append(pod.Containers, p.Class.Containers[i].Name)
			}
			d.Pods[p.Class.Namespace+"/"+p.Name] = pod
			d.Containers += len(pod.Containers)
		}
	}
	return d
}

// apiServer stands for the one that real kubelets ask about tokens and rights. They remember its answers.
func apiServer() kubernetes.Interface {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
		review.Status.Authenticated = review.Spec.Token == Token
		review.Status.User.Username = "operator"
		return true, review, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		asked := review.Spec.ResourceAttributes.Subresource
		review.Status.Allowed = asked == "stats" || asked == "configz"
		return true, review, nil
	})
	return client
}

type counts struct{ hung, open atomic.Int64 }

// hang accepts connections and reads them until the caller gives up.
func (c *counts) hang() (Address, error) {
	listener, err := net.Listen("tcp4", brokenHost+":0")
	if err != nil {
		return Address{}, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.hung.Add(1)
			c.open.Add(1)
			go func() {
				defer c.open.Add(-1)
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return addressOf(listener), nil
}

// fail answers 500 over TLS.
func fail(authority *pki.Authority) (Address, error) {
	key, err := pki.NewKey()
	if err != nil {
		return Address{}, err
	}
	certificate, err := authority.Serve(key, pkix.Name{CommonName: "failing"}, brokenHost)
	if err != nil {
		return Address{}, err
	}
	listener, err := net.Listen("tcp4", brokenHost+":0")
	if err != nil {
		return Address{}, err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no stats", http.StatusInternalServerError)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // callers see what fails
	}
	secured := tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate}})
	go func() { _ = server.Serve(secured) }()
	return addressOf(listener), nil
}

func addressOf(l net.Listener) Address {
	at := l.Addr().(*net.TCPAddr)
	return Address{Host: at.IP.String(), Port: int32(at.Port)}
}
