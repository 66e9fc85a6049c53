/** How many durable creates a second does the API server do over HTTPS? Each is answered after its fsync. */
import { startApiServer } from "./harness/api-server.ts";
import { configMap, sendAll } from "./harness/objects.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const path = "/api/v1/namespaces/default/configmaps";
const secondsEach = 3;

await using server = await startApiServer();
const transport = server.connect();
let names = 0;
const create = (untilMs: number) => () =>
  performance.now() < untilMs ? { method: "POST", path, body: configMap(`map-${names++}`) } : undefined;

// Until the optimizing compiler has seen the path.
await sendAll(transport, 16, create(performance.now() + 2_000));
for (const inFlight of [1, 16, 128]) {
  const start = performance.now();
  const cpuBefore = cpuMs(server.pid);
  const latencies = await sendAll(transport, inFlight, create(start + secondsEach * 1000));
  const perSecond = (latencies.length / (performance.now() - start)) * 1000;
  report(`creates.${inFlight}`, perSecond, "/s", inFlight === 128 ? { atLeast: 3000 } : undefined);
  report(`creates.${inFlight}.p99`, percentile(latencies, 0.99), "ms");
  report(`creates.${inFlight}.server-cpu`, ((cpuMs(server.pid) - cpuBefore) * 1000) / latencies.length, "µs");
}
