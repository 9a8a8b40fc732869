{{/* Names: one release a namespace, so that they are the same everywhere. */}}
{{- define "chatcells.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "chatcells.labels" -}}
app.kubernetes.io/name: chatcells
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "chatcells.selector" -}}
app.kubernetes.io/name: chatcells
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "chatcells.storeSecret" -}}
{{- if .Values.store.existingSecret -}}
{{ .Values.store.existingSecret }}
{{- else -}}
{{- $_ := required "Set store.url (mysql://user:password@host:port/database) or store.existingSecret." .Values.store.url -}}
chatcells-store
{{- end -}}
{{- end -}}

{{- define "chatcells.sessionSecret" -}}
{{ .Values.session.existingSecret | default "chatcells-session" }}
{{- end -}}

{{- define "chatcells.xdsAddresses" -}}
{{- if .Values.controlplane.addresses -}}
{{ join "," .Values.controlplane.addresses }}
{{- else -}}
chatcells-controlplane.{{ .Release.Namespace }}.svc:18000
{{- end -}}
{{- end -}}

{{- define "chatcells.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.podSecurity.runAsUser }}
runAsUser: {{ . | int64 }}
{{- end }}
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "chatcells.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "chatcells.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
