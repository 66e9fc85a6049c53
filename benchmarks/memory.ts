/** What an API server with 100,000 pods of 2 KB needs: memory, and time to start again. */
import { startApiServer } from "./harness/api-server.ts";
import { pod, sendAll } from "./harness/objects.ts";
import { pssMb } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { answer } from "./harness/api-server.ts";

const path = "/api/v1/namespaces/default/pods";
const count = Number(process.argv[2] ?? 100_000);

await using server = await startApiServer();
const transport = server.connect();
const account = new TextEncoder().encode(
  JSON.stringify({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } }),
);
const accounts = [{ method: "POST", path: "/api/v1/namespaces/default/serviceaccounts", body: account }];
await sendAll(transport, 1, () => accounts.pop());
report("memory.empty", pssMb(server.pid), "MB PSS");
let made = 0;
await sendAll(transport, 64, () => (made < count ? { method: "POST", path, body: pod(`pod-${made++}`) } : undefined));
report(`memory.${count}-pods.after-writing`, pssMb(server.pid), "MB PSS");
const { bytes } = await answer(await transport.send({ method: "GET", path, headers: {} }));
report(`memory.${count}-pods.json`, bytes / 1e6, "MB");
report(`memory.${count}-pods.after-list`, pssMb(server.pid), "MB PSS");
