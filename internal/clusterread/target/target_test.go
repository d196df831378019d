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
		"web":                  {namespace: "shop", want: Ref{Namespace: "shop", Kind: "", Name: "web"}},
		"pod/web":              {want: Ref{Namespace: "", Kind: Pod, Name: "web"}},
		"po/web":               {namespace: "shop", want: Ref{Namespace: "shop", Kind: Pod, Name: "web"}},
		"deployment/web":       {want: Ref{Namespace: "", Kind: "Deployment", Name: "web"}},
		"Deploy/web":           {want: Ref{Namespace: "", Kind: "Deployment", Name: "web"}},
		"deployments.apps/web": {want: Ref{Namespace: "", Kind: "Deployment", Name: "web"}},
		"shop/web":             {want: Ref{Namespace: "shop", Kind: "", Name: "web"}},
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
		pod("shop", "nightly-29381760-x", "Job", "nightly-29381760"), pod("shop", "nightly-29381761-x", "Job", "nightly-29381761"),
		pod("shop", "nightly-once-x", "Job", "nightly-once"),
		pod("shop", "twin", "", ""), pod("shop", "twin-x", "Deployment", "twin"),
	}
	for name, tc := range map[string]struct {
		ref     Ref
		want    string
		wantErr string
	}{
		"a pod":                    {ref: Ref{Namespace: "shop", Kind: Pod, Name: "web-1"}, want: "web-1"},
		"a pod without its kind":   {ref: Ref{Namespace: "", Kind: "", Name: "payments-api"}, want: "payments-api"},
		"a workload":               {ref: Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}, want: "web-1 web-2"},
		"a workload by its name":   {ref: Ref{Namespace: "", Kind: "", Name: "web"}, want: "web-1 web-2"},
		"a pod before a workload":  {ref: Ref{Namespace: "shop", Kind: "", Name: "twin"}, want: "twin"},
		"the workload of the name": {ref: Ref{Namespace: "shop", Kind: "Deployment", Name: "twin"}, want: "twin-x"},
		"the Jobs of a CronJob":    {ref: Ref{Kind: "CronJob", Name: "nightly"}, want: "nightly-29381760-x nightly-29381761-x"},
		"a Job that nobody makes":  {ref: Ref{Kind: "Job", Name: "nightly-once"}, want: "nightly-once-x"},
		"a CronJob, mistyped":      {ref: Ref{Kind: "CronJob", Name: "nihgtly"}, wantErr: "cronjob/nihgtly not found: did you mean nightly?"},
		"one of two namespaces":    {ref: Ref{Namespace: "data", Kind: "", Name: "db-0"}, want: "db-0"},
		"in two namespaces": {
			ref:     Ref{Namespace: "", Kind: Pod, Name: "db-0"},
			wantErr: "pod/db-0 is ambiguous: there are pod shop/db-0 and pod data/db-0; name the kind, or the namespace with -n",
		},
		"a workload in two namespaces": {
			ref:     Ref{Namespace: "", Kind: "StatefulSet", Name: "db"},
			wantErr: "statefulset/db is ambiguous: there are statefulset shop/db and statefulset data/db; name the kind, or the namespace with -n",
		},
		"of two kinds": {
			ref:     Ref{Namespace: "shop", Kind: "", Name: "same"},
			wantErr: `same in namespace "shop" is ambiguous: there are job shop/same and daemonset shop/same; name the kind, or the namespace with -n`,
		},
		"mistyped":          {ref: Ref{Namespace: "shop", Kind: "", Name: "paymnets-api"}, wantErr: `paymnets-api in namespace "shop" not found: did you mean payments-api?`},
		"half of a name":    {ref: Ref{Namespace: "", Kind: Pod, Name: "web"}, wantErr: "pod/web not found: did you mean web-1, web-2?"},
		"another namespace": {ref: Ref{Namespace: "data", Kind: Pod, Name: "web-1"}, wantErr: `pod/web-1 in namespace "data" not found, but namespace "shop" has pod/web-1`},
		"nothing like it":   {ref: Ref{Namespace: "", Kind: "", Name: "zzzzzz"}, wantErr: "zzzzzz not found, or none of its pods is on a node"},
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
