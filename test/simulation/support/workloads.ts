const pod = (name: string, spec = "", command = ""): string => `
    metadata: { labels: { app: ${name} } }
    spec:
      ${spec}
      containers:
        - name: main
          image: example.com/${name}:1
          ${command ? `command: [sh, -c, "${command}"]` : ""}
          resources: { requests: { cpu: 100m, memory: 16Mi } }
`;

const claimSpec = "{ accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }";
// A volume is on the node it was made on, and what has ended goes with its node: both stay where no node is lost.
const onSafeNode = "nodeSelector: { kubernetes.io/hostname: node-1 }";

/** One of each kind of workload, with what limits, scales, stores and exposes it. */
export const allWorkloads = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template: ${pod("web")}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }, minReplicas: 2, maxReplicas: 4 }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  persistentVolumeClaimRetentionPolicy: { whenScaled: Delete, whenDeleted: Retain }
  volumeClaimTemplates: [{ metadata: { name: data }, spec: ${claimSpec} }]
  template: ${pod("db", onSafeNode)}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template: ${pod("agent")}
---
apiVersion: v1
kind: ReplicationController
metadata: { name: classic }
spec:
  replicas: 2
  selector: { app: classic }
  template: ${pod("classic")}
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  completions: 3
  parallelism: 2
  completionMode: Indexed
  template: ${pod("once", `${onSafeNode}\n      restartPolicy: Never`, "sleep 2")}
---
apiVersion: batch/v1
kind: Job
metadata: { name: passing }
spec:
  ttlSecondsAfterFinished: 20
  template: ${pod("passing", "restartPolicy: Never", "sleep 2")}
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: hourly }
spec:
  schedule: "1 * * * *"
  jobTemplate:
    spec:
      template:
        metadata: { labels: { app: hourly } }
        spec:
          ${onSafeNode}
          restartPolicy: Never
          containers: [{ name: main, image: example.com/hourly:1, command: [sh, -c, "sleep 2"] }]
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: all }
spec: { hard: { pods: "50", persistentvolumeclaims: "10" } }
---
apiVersion: v1
kind: Pod
metadata: { name: scratch }
spec:
  ${onSafeNode}
  volumes: [{ name: tmp, ephemeral: { volumeClaimTemplate: { spec: ${claimSpec} } } }]
  containers: [{ name: main, image: example.com/scratch:1, volumeMounts: [{ name: tmp, mountPath: /tmp }] }]
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: outside }
subsets: [{ addresses: [{ ip: 192.0.2.1 }], ports: [{ port: 80 }] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: union }
aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part-of: union } }] }
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: part, labels: { part-of: union } }
rules: [{ apiGroups: [""], resources: [pods], verbs: [get] }]
---
apiVersion: v1
kind: Secret
metadata: { name: bootstrap-token-abcdef, namespace: kube-system }
type: bootstrap.kubernetes.io/token
stringData: { token-id: abcdef, token-secret: "0123456789abcdef", expiration: "2026-01-01T00:05:00Z" }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: named }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps] }]
  validations: [{ expression: "object.metadata.name != ''" }]
`;
