package chart

import "fmt"

// templates by file. What is not edited is as config/ has it.
var templates = map[string]template{
	"crds.yaml": {
		folder: "config/default", kinds: []string{"CustomResourceDefinition"}, when: ".Values.crds.install",
		edits: []edit{{
			"  annotations:\n    controller-gen.kubebuilder.io/version",
			"  annotations:\n    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}\n" +
				"    controller-gen.kubebuilder.io/version", true,
		}},
	},
	"rbac.yaml": {
		folder: "config/default", kinds: []string{"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"},
		edits: []edit{{
			`    rbac.authorization.k8s.io/aggregate-to-view: "true"` + "\n",
			"    {{- if .Values.rbac.aggregateToView }}\n" +
				`    rbac.authorization.k8s.io/aggregate-to-view: "true"` + "\n    {{- end }}\n", true,
		}},
	},
	"service.yaml":    {folder: "config/default", kinds: []string{"Service"}},
	"disruption.yaml": {folder: "config/default", kinds: []string{"PodDisruptionBudget"}, when: ".Values.podDisruptionBudget.enabled"},
	"priority-class.yaml": {
		folder: "config/default", kinds: []string{"PriorityClass"}, when: ".Values.priorityClass.create", edits: priority,
	},
	"deployment.yaml": {folder: "config/default", kinds: []string{"Deployment"}, edits: deployment},
	"network-policy.yaml": {
		folder: "config/default", kinds: []string{"NetworkPolicy"}, when: ".Values.networkPolicy.enabled", edits: network,
	},
	"service-monitor.yaml": {
		folder: "config/prometheus", kinds: []string{"ServiceAccount", "Secret", "ClusterRoleBinding", "ServiceMonitor"},
		when: ".Values.metrics.serviceMonitor.enabled",
		edits: []edit{
			{
				"kind: ServiceMonitor\nmetadata:\n  labels:\n",
				"kind: ServiceMonitor\nmetadata:\n  labels:\n" + more("metrics.serviceMonitor.labels", 4), false,
			},
			{"    interval: 30s\n", "    interval: {{ .Values.metrics.serviceMonitor.interval }}\n", false},
		},
	},
	"alerts.yaml": {
		folder: "config/prometheus", kinds: []string{"PrometheusRule"}, when: ".Values.metrics.alerts.enabled",
		edits: []edit{{"metadata:\n  labels:\n", "metadata:\n  labels:\n" + more("metrics.alerts.labels", 4), false}},
	},
	"dashboard.yaml": {
		folder: "config/grafana", kinds: []string{"ConfigMap"}, when: ".Values.metrics.dashboard.enabled",
		edits: []edit{
			{"  namespace: monitoring\n", "  namespace: {{ .Values.metrics.dashboard.namespace | default .Release.Namespace }}\n", false},
			{
				`    grafana_dashboard: "1"` + "\n",
				more("metrics.dashboard.labels", 4) + `    {{- include "killorder.labels" . | nindent 4 }}` + "\n", false,
			},
		},
	},
}

// more is a map of the values, if it has anything.
func more(value string, indent int) string {
	spaces := fmt.Sprintf("%*s", indent, "")
	return fmt.Sprintf("%s{{- with .Values.%s }}\n%s{{- toYaml . | nindent %d }}\n%s{{- end }}\n", spaces, value, spaces, indent, spaces)
}

// block is a field whose whole value comes from the values, left out where that is empty.
func block(field, value string, indent int) string {
	spaces := fmt.Sprintf("%*s", indent, "")
	return fmt.Sprintf("%s{{- with .Values.%s }}\n%s%s:\n%s  {{- toYaml . | nindent %d }}\n%s{{- end }}\n",
		spaces, value, spaces, field, spaces, indent+2, spaces)
}

var priority = []edit{
	{"  name: killorder-manager\n", "  name: {{ .Values.priorityClass.name }}\n", false},
	{"value: 50000\n", "value: {{ .Values.priorityClass.value }}\n", false},
}

var deployment = []edit{
	{"  replicas: 2\n", "  replicas: {{ .Values.replicas }}\n", false},
	{
		"        kubectl.kubernetes.io/default-container: manager\n",
		"        kubectl.kubernetes.io/default-container: manager\n" + more("podAnnotations", 8), false,
	},
	{
		"        app.kubernetes.io/name: killorder\n    spec:\n",
		"        app.kubernetes.io/name: killorder\n" + more("podLabels", 8) + "    spec:\n" +
			block("imagePullSecrets", "imagePullSecrets", 6) + block("tolerations", "tolerations", 6) +
			block("nodeSelector", "nodeSelector", 6), false,
	},
	{
		"        - --kubelet-service-account=$(NAMESPACE)/killorder-kubelet-reader\n",
		"        - --kubelet-service-account=$(NAMESPACE)/killorder-kubelet-reader\n" +
			"        {{- with .Values.extraArgs }}\n        {{- toYaml . | nindent 8 }}\n        {{- end }}\n", false,
	},
	{
		"              resource: limits.memory\n",
		"              resource: limits.memory\n" +
			"        {{- with .Values.extraEnv }}\n        {{- toYaml . | nindent 8 }}\n        {{- end }}\n", false,
	},
	{"        image: ghcr.io/killorder/killorder:v$VERSION\n", "        image: {{ include \"killorder.image\" . }}\n", false},
	{"        imagePullPolicy: IfNotPresent\n", "        imagePullPolicy: {{ .Values.image.pullPolicy }}\n", false},
	{
		"        resources:\n          limits:\n            cpu: 250m\n            memory: 512Mi\n" +
			"          requests:\n            cpu: 250m\n            memory: 512Mi\n",
		"        resources:\n          {{- toYaml .Values.resources | nindent 10 }}\n", false,
	},
	{
		"        terminationMessagePolicy: FallbackToLogsOnError\n",
		"        terminationMessagePolicy: FallbackToLogsOnError\n" + block("volumeMounts", "extraVolumeMounts", 8), false,
	},
	{
		"      affinity:\n        nodeAffinity:\n          requiredDuringSchedulingIgnoredDuringExecution:\n" +
			"            nodeSelectorTerms:\n            - matchExpressions:\n" +
			"              - key: kubernetes.io/os\n                operator: In\n" +
			"                values:\n                - linux\n              - key: kubernetes.io/arch\n                operator: In\n" +
			"                values:\n                - amd64\n                - arm64\n",
		block("affinity", "affinity", 6), false,
	},
	{
		"      priorityClassName: killorder-manager\n",
		"      {{- with .Values.priorityClass.name }}\n      priorityClassName: {{ . }}\n      {{- end }}\n", false,
	},
	{"      terminationGracePeriodSeconds: 15\n", "      terminationGracePeriodSeconds: 15\n" + block("volumes", "extraVolumes", 6), false},
}

var network = []edit{
	{
		"  - ports:\n    - port: 443\n      protocol: TCP\n    - port: 6443\n      protocol: TCP\n",
		"  - ports:\n    {{- range .Values.networkPolicy.apiServerPorts }}\n" +
			"    - port: {{ . }}\n      protocol: TCP\n    {{- end }}\n", false,
	},
	{
		"  - ports:\n    - port: 10250\n      protocol: TCP\n",
		"  - ports:\n    - port: {{ .Values.networkPolicy.kubeletPort }}\n      protocol: TCP\n" +
			"  {{- with .Values.networkPolicy.extraEgress }}\n  {{- toYaml . | nindent 2 }}\n  {{- end }}\n", false,
	},
	{
		"  - from:\n    - namespaceSelector:\n        matchLabels:\n          metrics: enabled\n",
		"  - from:\n    {{- toYaml .Values.networkPolicy.scrapeFrom | nindent 4 }}\n", false,
	},
}
