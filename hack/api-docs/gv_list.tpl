{{- define "gvList" -}}
# API reference

Generated from [api/v1alpha1](../api/v1alpha1) by `make generate`. What is stable: [React to orders](consuming.md#what-you-may-rely-on).
On a cluster, `kubectl explain nko.status` and `kubectl explain kop.spec` say the same.

{{ range . }}{{ template "gvDetails" . }}{{ end }}
{{- end -}}
