{{- define "type" -}}
{{- $type := . -}}
{{- if markdownShouldRenderType $type }}

## {{ $type.Name }}

{{ $type.Doc }}
{{- if $type.References }}

Of:{{ range $type.SortedReferences }} {{ markdownRenderTypeLink . }}{{ end }}.
{{- end }}
{{- if $type.Members }}

| field | type | |
|---|---|---|
{{- range $type.Members }}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} |
{{- end }}
{{- end }}
{{- if $type.EnumValues }}

| value | |
|---|---|
{{- range $type.EnumValues }}
| `{{ .Name }}` | {{ markdownRenderFieldDoc .Doc }} |
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
