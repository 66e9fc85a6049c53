/** How many server-side applies a second over HTTPS: objects made, applied again unchanged, and changed by their owner. */
import { startApiServer } from "./harness/api-server.ts";
import { sendAll } from "./harness/objects.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { utf8Encode } from "../src/component-base/bytes.ts";

const objects = 1_000;
const inFlight = 16;

await using server = await startApiServer();
const transport = server.connect();

/** A Deployment as charts write it: two containers, with ports, probes, environment and resources. */
function deployment(name: string, version: number): Uint8Array {
  const container = (containerName: string): object => ({
    name: containerName,
    image: `example.com/${containerName}:${version}`,
    env: Array.from({ length: 8 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` })),
    ports: [
      { containerPort: 8080, name: "http" },
      { containerPort: 9090, name: "metrics" },
    ],
    readinessProbe: { httpGet: { path: "/ready", port: "http" } },
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
  });
  const labels = { app: name, tier: "front" };
  return utf8Encode(
    JSON.stringify({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, labels },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container("main"), container("side")] } },
      },
    }),
  );
}

function applies(
  prefix: string,
  version: number,
): () => { method: string; path: string; body: Uint8Array } | undefined {
  let next = 0;
  return () => {
    if (next === objects) return undefined;
    const name = `${prefix}-${next++}`;
    const path = `/apis/apps/v1/namespaces/default/deployments/${name}?fieldManager=bench`;
    return { method: "PATCH", path, body: deployment(name, version) };
  };
}

const headers = { "content-type": "application/apply-patch+yaml" };
await sendAll(transport, inFlight, applies("warm", 1), headers);
for (const [name, version] of Object.entries({ create: 1, unchanged: 1, change: 2 })) {
  const start = performance.now();
  const cpuBefore = cpuMs(server.pid);
  await sendAll(transport, inFlight, applies("web", version), headers);
  report(`apply.${name}`, (objects * 1000) / (performance.now() - start), "/s");
  report(`apply.${name}.server-cpu`, ((cpuMs(server.pid) - cpuBefore) * 1000) / objects, "µs");
}
