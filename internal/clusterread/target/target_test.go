package target

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
)

func TestParse(t *testing.T) {
	for arg, tc := range map[string]struct {
		namespace string
		want      Ref
		wantErr   string
	}{
		"web":                  {namespace: "shop", want: Ref{"shop", "", "web"}},
		"pod/web":              {want: Ref{"", Pod, "web"}},
		"po/web":               {namespace: "shop", want: Ref{"shop", Pod, "web"}},
		"deployment/web":       {want: Ref{"", "Deployment", "web"}},
		"Deploy/web":           {want: Ref{"", "Deployment", "web"}},
		"deployments.apps/web": {want: Ref{"", "Deployment", "web"}},
		"shop/web":             {want: Ref{"shop", "", "web"}},
		"data/web":             {namespace: "shop", wantErr: `"data/web": "data" is not a kind that has pods, and not the namespace "shop"`},
		"":                     {wantErr: `"" is not KIND/NAME, NAMESPACE/NAME or NAME`},
		"pod/":                 {wantErr: `"pod/" is not KIND/NAME, NAMESPACE/NAME or NAME`},
		"/web":                 {wantErr: `"/web" is not KIND/NAME, NAMESPACE/NAME or NAME`},
		"pod/shop/web":         {wantErr: `"pod/shop/web" is not KIND/NAME, NAMESPACE/NAME or NAME`},
	} {
		got, err := Parse(arg, tc.namespace)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", arg, diff)
		}
		if text := errorText(err); text != tc.wantErr {
			t.Errorf("%q: error %q, want %q", arg, text, tc.wantErr)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func pod(namespace, name, kind, workload string) *facts.Pod {
	return &facts.Pod{Namespace: namespace, Name: name, Workload: facts.Workload{Kind: kind, Name: workload}}
}

func TestFind(t *testing.T) {
	pods := []*facts.Pod{
		pod("shop", "web-1", "Deployment", "web"), pod("shop", "web-2", "Deployment", "web"),
		pod("shop", "db-0", "StatefulSet", "db"), pod("data", "db-0", "StatefulSet", "db"),
		pod("shop", "payments-api", "", ""), pod("shop", "same-1", "Job", "same"), pod("shop", "same-2", "DaemonSet", "same"),
		pod("shop", "twin", "", ""), pod("shop", "twin-x", "Deployment", "twin"),
	}
	for name, tc := range map[string]struct {
		ref     Ref
		want    string
		wantErr string
	}{
		"a pod":                    {ref: Ref{"shop", Pod, "web-1"}, want: "web-1"},
		"a pod without its kind":   {ref: Ref{"", "", "payments-api"}, want: "payments-api"},
		"a workload":               {ref: Ref{"shop", "Deployment", "web"}, want: "web-1 web-2"},
		"a workload by its name":   {ref: Ref{"", "", "web"}, want: "web-1 web-2"},
		"a pod before a workload":  {ref: Ref{"shop", "", "twin"}, want: "twin"},
		"the workload of the name": {ref: Ref{"shop", "Deployment", "twin"}, want: "twin-x"},
		"one of two namespaces":    {ref: Ref{"data", "", "db-0"}, want: "db-0"},
		"in two namespaces": {
			ref:     Ref{"", Pod, "db-0"},
			wantErr: "pod/db-0 is ambiguous: there are pod shop/db-0 and pod data/db-0; name the kind, or the namespace with -n",
		},
		"a workload in two namespaces": {
			ref:     Ref{"", "StatefulSet", "db"},
			wantErr: "statefulset/db is ambiguous: there are statefulset shop/db and statefulset data/db; name the kind, or the namespace with -n",
		},
		"of two kinds": {
			ref:     Ref{"shop", "", "same"},
			wantErr: `same in namespace "shop" is ambiguous: there are job shop/same and daemonset shop/same; name the kind, or the namespace with -n`,
		},
		"mistyped":          {ref: Ref{"shop", "", "paymnets-api"}, wantErr: `paymnets-api in namespace "shop" not found: did you mean payments-api?`},
		"half of a name":    {ref: Ref{"", Pod, "web"}, wantErr: "pod/web not found: did you mean web-1, web-2?"},
		"another namespace": {ref: Ref{"data", Pod, "web-1"}, wantErr: `pod/web-1 in namespace "data" not found, but namespace "shop" has one of that name`},
		"nothing like it":   {ref: Ref{"", "", "zzzzzz"}, wantErr: "zzzzzz not found, or none of its pods is on a node"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Find(pods, tc.ref)
			var names []string
			for _, p := range found {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if text := errorText(err); text != tc.wantErr {
				t.Errorf("error %q, want %q", text, tc.wantErr)
			}
		})
	}
}
