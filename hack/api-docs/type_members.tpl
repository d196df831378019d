{{- define "type_members" -}}
{{- $field := . -}}
{{- if eq $field.Name "metadata" -}}
As of every object.
{{- else -}}
{{ markdownRenderFieldDoc $field.Doc | replace "<br />" " " }}
{{- end -}}
{{- with markdownRenderDefault $field.Default }} Default: {{ . }}.{{ end -}}
{{- range $field.Validation -}}
{{- if and (not (hasPrefix "Optional" .)) (not (hasPrefix "XValidation" .)) (not (hasPrefix "Enum" .)) }} {{ . | replace "1e+09" "1000000000" }}.{{ end -}}
{{- end -}}
{{- end -}}
