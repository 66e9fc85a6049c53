interface WebApp {
  readonly image: string;
  /** One on each node, or so many. */
  readonly replicas: "each node" | number;
  readonly graceSeconds: number;
  /** How long its pods stay bound to a node that is silent; the default's five minutes unless given. */
  readonly tolerationSeconds?: number;
  /** `ClusterIP` unless given. */
  readonly serviceType?: "NodePort";
}

/** The manifest of `web`: pods that answer with their name on port 8080, and their Service on port 80. */
export function webApp({ image, replicas, graceSeconds, tolerationSeconds, serviceType }: WebApp): string {
  const tolerations = ["unreachable", "not-ready"].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds,
  }));
  const labels = { app: "web" };
  const container = {
    name: "main",
    image,
    command: ["sh", "-c", "mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"],
    readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
  };
  const workload = {
    apiVersion: "apps/v1",
    kind: replicas === "each node" ? "DaemonSet" : "Deployment",
    metadata: { name: "web" },
    spec: {
      ...(replicas === "each node" ? {} : { replicas }),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: graceSeconds,
          ...(tolerationSeconds === undefined ? {} : { tolerations }),
          containers: [container],
        },
      },
    },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { type: serviceType ?? "ClusterIP", selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  };
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: [workload, service] });
}
