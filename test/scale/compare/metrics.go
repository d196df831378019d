package compare

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/killorder/killorder/test/cluster/cluster"
)

// page is where a program serves its metrics.
type page struct {
	client http.Client
	url    string
	token  string
}

// newPage returns a page. The client does not verify the certificate: the program has signed it itself.
func newPage(url, token string) *page {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &page{client: http.Client{Transport: transport, Timeout: 5 * time.Minute}, url: url, token: token}
}

// get reads the page once.
func (p *page) get(ctx context.Context, to io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Accept-Encoding", "identity")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", p.url, response.Status)
	}
	_, err = io.Copy(to, response.Body)
	return err
}

// samples of metrics without labels, by name.
type samples map[string]float64

// read the samples without labels.
func (p *page) read(ctx context.Context) (samples, error) {
	out, in := io.Pipe()
	go func() { in.CloseWithError(p.get(ctx, in)) }()
	defer func() { _ = out.Close() }()
	return samplesIn(out, "")
}

// samplesIn a page: those without labels, and those of one more name, with their labels.
func samplesIn(text io.Reader, labelled string) (samples, error) {
	found := samples{}
	for lines := bufio.NewScanner(text); ; {
		if !lines.Scan() {
			return found, lines.Err()
		}
		name, value, ok := strings.Cut(lines.Text(), " ")
		if base, _, labels := strings.Cut(name, "{"); labels && base != labelled {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			found[name] = v
		}
	}
}

// allocated bytes since the program's start.
func (s samples) allocated() float64 { return s["go_memstats_alloc_bytes_total"] }

// liveHeap returns how many bytes the last garbage collection left. The collector aims at the next one when the heap has
// grown by GOGC percent (runtime: GOGC; stacks and globals add a little).
func (s samples) liveHeap() int64 {
	percent, ok := s["go_gc_gogc_percent"]
	if !ok {
		percent = 100
	}
	return int64(s["go_memstats_next_gc_bytes"] / (1 + percent/100))
}

// freeAddress on loopback, for a program that starts now.
func freeAddress() (string, error) {
	port, err := cluster.FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
