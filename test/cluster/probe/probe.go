// Package probe asks servers that a test has started whether they are ready.
package probe

import (
	"context"
	"fmt"
	"net/http"
)

// OK returns nil if a GET of the URL is answered with status 200.
func OK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
