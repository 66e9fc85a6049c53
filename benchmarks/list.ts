/** What does a LIST of 5,000 pods of 2 KB cost over HTTPS, as JSON and as protobuf? */
import { answer, startApiServer } from "./harness/api-server.ts";
import { pod, sendAll } from "./harness/objects.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { median } from "./harness/statistics.ts";

const path = "/api/v1/namespaces/default/pods";
const count = 5_000;
const rounds = 30;
const protobufMediaType = "application/vnd.kubernetes.protobuf";

await using server = await startApiServer();
const transport = server.connect();
const account = new TextEncoder().encode(
  JSON.stringify({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } }),
);
const accounts = [{ method: "POST", path: "/api/v1/namespaces/default/serviceaccounts", body: account }];
await sendAll(transport, 1, () => accounts.pop());
let made = 0;
await sendAll(transport, 64, () => (made < count ? { method: "POST", path, body: pod(`pod-${made++}`) } : undefined));
for (const [name, accept] of Object.entries({ list: "application/json", "list-protobuf": protobufMediaType })) {
  const list = async (): Promise<number> =>
    (await answer(await transport.send({ method: "GET", path, headers: { accept } }))).bytes;
  const bytes = await list();
  for (let i = 0; i < 5; i++) await list();

  const times: number[] = [];
  const cpuBefore = cpuMs(server.pid);
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await list();
    times.push(performance.now() - start);
  }
  const cpu = (cpuMs(server.pid) - cpuBefore) / rounds;
  report(`${name}.size`, bytes / 1e6, "MB");
  report(`${name}.time`, median(times), "ms");
  report(`${name}.rate`, bytes / 1e3 / median(times), "MB/s");
  report(`${name}.server-cpu`, cpu, "ms CPU");
}
