{{- define "gollamas.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gollamas.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "gollamas.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gollamas.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gollamas.selector" -}}
app.kubernetes.io/name: {{ include "gollamas.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gollamas.labels" -}}
{{ include "gollamas.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "gollamas.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gollamas.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gollamas.keys" -}}
{{- if .Values.keys.existingSecret -}}
{{- .Values.keys.existingSecret -}}
{{- else if .Values.keys.list -}}
{{- printf "%s-keys" (include "gollamas.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "gollamas.restart" -}}
{{- $config := .Values.config -}}
{{- $of := dict "tls" (not (empty $config.tls)) -}}
{{- range $key := list "max_connections" "read_header" "shared" -}}
{{- $_ := set $of $key (get $config $key | toString) -}}
{{- end -}}
{{- $of | toJson | sha256sum -}}
{{- end -}}

{{- define "gollamas.scheme" -}}
{{- if .Values.config.tls -}}https{{- else -}}http{{- end -}}
{{- end -}}
