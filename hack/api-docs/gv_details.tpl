{{- define "gvDetails" -}}
{{- $gv := . -}}
`apiVersion: {{ $gv.GroupVersionString }}` has two kinds, both cluster-scoped:{{ range $gv.SortedKinds }} {{ $gv.TypeForKind . | markdownRenderTypeLink }}{{ end }}.
{{ range $gv.SortedTypes }}{{ template "type" . }}{{ end }}
{{- end -}}
