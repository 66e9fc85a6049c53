import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { HorizontalPodAutoscaler } from "../../src/api/autoscaling/v2/types.gen.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually } from "./world.ts";

// A service that works for each of its answers is scaled by `kubectl autoscale` while somebody asks, and back when nobody
// does: usage is read from control groups, told by the kubelet and by metrics.k8s.io.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";

const hello = `apiVersion: v1
kind: ConfigMap
metadata: { name: hello }
data:
  hello: |
    #!/bin/sh
    i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
    printf 'Content-Type: text/plain\\n\\nhello from %s\\n' "$HOSTNAME"
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          image: ${image}
          command: [httpd, -f, -p, "8080", -h, /www]
          resources: { requests: { cpu: 100m }, limits: { cpu: 200m } }
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
          volumeMounts: [{ name: www, mountPath: /www/cgi-bin }]
      volumes:
        - { name: www, configMap: { name: hello, defaultMode: 0755 } }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec:
  selector: { app: hello }
  ports: [{ port: 80, targetPort: 8080 }]
`;

const asker = `apiVersion: v1
kind: Pod
metadata: { name: asker }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${image}
      command: [sh, -c, "while true; do wget -q -O - http://hello/cgi-bin/hello || sleep 0.1; done"]
`;

describe("autoscaling", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  const ready = async (): Promise<string> =>
    cluster.kubectl("get", "deployment", "hello", "-o", "jsonpath={.status.readyReplicas}/{.status.replicas}");
  const autoscaler = (): Promise<HorizontalPodAutoscaler> => cluster.json("get", "hpa", "hello");

  before(async () => {
    await cluster.up("--kube-controller-manager-arg=horizontal-pod-autoscaler-sync-period=2s");
    await cluster.loadBusybox(image);
  });
  after(() => cluster.k8ts("delete").then(() => {}));

  test("kubectl autoscale: up under load, and back", async () => {
    await cluster.apply(hello);
    await cluster.kubectl("autoscale", "deployment", "hello", "--cpu-percent=60", "--min=1", "--max=3");
    // The load is over when it is over, instead of when five minutes have gone by.
    const behavior = '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}}}';
    await cluster.kubectl("patch", "hpa", "hello", "--type=merge", "-p", behavior);
    await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=30s");
    await cluster.apply(asker);
    await eventually("there is more than one", async () => /^[23]\//.test(await ready()), 60_000);
    assert.match(await cluster.kubectl("logs", "asker"), /^hello from hello-/m);
    const { status } = await autoscaler();
    const used = status?.currentMetrics?.[0]?.resource?.current.averageUtilization ?? 0;
    assert.ok(used > 0, JSON.stringify(status));
    const description = await cluster.kubectl("describe", "hpa", "hello");
    assert.match(
      description,
      /SuccessfulRescale .*New size: [23]; reason: cpu resource utilization \(percentage of request\) above target/,
    );
    assert.match(await cluster.kubectl("top", "pods", "-l", "app=hello"), /^hello-\S+ +[1-9]\d*m +\d+Mi/m);

    await cluster.kubectl("delete", "pod", "asker");
    await eventually("there is one again", async () => (await ready()) === "1/1", 60_000);
    assert.match(await cluster.kubectl("describe", "hpa", "hello"), /New size: 1; reason: All metrics below target/);
  });
});
