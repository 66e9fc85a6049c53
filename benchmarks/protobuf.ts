/** How long a usual pod takes to be encoded and decoded, beside JSON. Prints a line per number. */
import { builtinScheme } from "../src/api/scheme.ts";
import { defined } from "../src/component-base/assert.ts";
import { readEnvelope } from "../src/apimachinery/protobuf/envelope.ts";

const rounds = 20_000;
const repeats = 5;

const pod = defined(builtinScheme().kind("", "v1", "Pod"), "Pod");
const toProtobuf = defined(pod.toProtobuf, "toProtobuf");
const fromProtobuf = defined(pod.fromProtobuf, "fromProtobuf");

/** One container, one volume for the token, and a status: about 2.5 KB of JSON. */
function usualPod(): object {
  const time = "2026-01-01T00:00:00Z";
  const condition = (type: string): object => ({ type, status: "True", lastProbeTime: null, lastTransitionTime: time });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web-6d4cf56db6-x7k2p",
      generateName: "web-6d4cf56db6-",
      namespace: "default",
      uid: "0b2e5c1a-7f1e-4c0c-9f5e-1d2a3b4c5d6e",
      resourceVersion: "123456",
      creationTimestamp: time,
      labels: { app: "web", "pod-template-hash": "6d4cf56db6" },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: "web-6d4cf56db6",
          uid: "1b2e5c1a-7f1e-4c0c-9f5e-1d2a3b4c5d6e",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      containers: [
        {
          name: "web",
          image: "registry.example/web:1.27",
          ports: [{ containerPort: 80, protocol: "TCP" }],
          env: [{ name: "MODE", value: "production" }],
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
          volumeMounts: [{ name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true }],
          livenessProbe: { httpGet: { path: "/healthz", port: 80, scheme: "HTTP" }, periodSeconds: 10 },
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
          imagePullPolicy: "IfNotPresent",
        },
      ],
      volumes: [
        {
          name: "token",
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
              { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            ],
          },
        },
      ],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      serviceAccountName: "default",
      nodeName: "node-1",
      securityContext: {},
      schedulerName: "default-scheduler",
      tolerations: [
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
    },
    status: {
      phase: "Running",
      conditions: ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition),
      hostIP: "10.0.0.1",
      podIP: "10.1.0.17",
      podIPs: [{ ip: "10.1.0.17" }],
      startTime: time,
      containerStatuses: [
        {
          name: "web",
          state: { running: { startedAt: time } },
          ready: true,
          restartCount: 0,
          image: "registry.example/web:1.27",
          imageID: "registry.example/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          containerID: "containerd://0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          started: true,
        },
      ],
      qosClass: "Burstable",
    },
  };
}

/** The best of a few repeats: the others were disturbed. */
function measure(name: string, run: () => unknown): void {
  let best = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const start = performance.now();
    for (let i = 0; i < rounds; i++) run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`protobuf.${name} = ${((best / rounds) * 1000).toFixed(2)} us`);
}

const { object } = pod.decode(usualPod());
const body = toProtobuf(object);
const { raw } = readEnvelope(body);
const json = JSON.stringify(object);
console.log(`protobuf.pod.size = ${body.length} bytes, as JSON ${json.length} bytes`);
measure("pod.encode", () => toProtobuf(object));
measure("pod.decode", () => fromProtobuf(raw));
measure("pod.normalize", () => pod.decode(fromProtobuf(raw)));
measure("pod.json.encode", () => JSON.stringify(object));
measure("pod.json.decode", () => JSON.parse(json) as unknown);
