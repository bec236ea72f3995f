{{/* baton.yaml as YAML: the file that ships with Baton, and the values over it. */}}
{{- define "baton.config" -}}
{{- $config := mergeOverwrite (.Files.Get "files/baton.yaml" | fromYaml) (deepCopy .Values.config.baton) }}
{{- include "baton.dropNulls" $config }}
{{- $config | toYaml }}
{{- end }}

{{- define "baton.dropNulls" -}}
{{- range $key, $value := . }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $ $key }}
{{- else if kindIs "map" $value }}
{{- include "baton.dropNulls" $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* datasets.yaml as YAML. That of the example only if the values ask for it. */}}
{{- define "baton.datasets" -}}
{{- if .Values.config.useExampleDatasets }}
{{- .Files.Get "files/datasets.yaml" | fromYaml | toYaml }}
{{- else }}
{{- .Values.config.datasets | toYaml }}
{{- end }}
{{- end }}

{{/* The variables that come from files, with the keys of the Secret that hold them. */}}
{{- define "baton.secretKeys" -}}
{{- if .Values.existingSecret.name }}
{{- .Values.existingSecret.keys | toYaml }}
{{- else }}
{{- $keys := dict }}
{{- range $variable, $_ := .Values.secrets }}
{{- $_ := set $keys $variable $variable }}
{{- end }}
{{- $keys | toYaml }}
{{- end }}
{{- end }}

{{/* A duration such as 1h30m or 600ms, in milliseconds. */}}
{{- define "baton.milliseconds" -}}
{{- $total := 0 }}
{{- range regexFindAll "[0-9]+(ms|h|m|s)" . -1 }}
{{- $number := regexFind "^[0-9]+" . | atoi }}
{{- $unit := regexFind "[a-z]+$" . }}
{{- $total = add $total (mul $number (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit)) }}
{{- end }}
{{- $total }}
{{- end }}
