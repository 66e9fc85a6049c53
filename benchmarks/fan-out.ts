/** How fast do events reach 100 watchers, flat out and at 100 events a second? */
import { setTimeout as delay } from "node:timers/promises";

import { startApiServer } from "./harness/api-server.ts";
import { configMap, sendAll } from "./harness/objects.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const path = "/api/v1/namespaces/default/configmaps";
const watchers = 100;

await using server = await startApiServer();
const writer = server.connect();
const reader = server.connect();

/** When each write was sent, by its number, and how long after that its event arrived at a watcher. */
const sentAt: number[] = [];
const delaysMs: number[] = [];
let onDelivery = (): void => {};

/** A line holds the object's name early on, `"name":"map-17"`: found without decoding the 2 KB around it. */
async function watch(resourceVersion: string): Promise<void> {
  const response = await reader.send({
    method: "GET",
    path: `${path}?watch=1&resourceVersion=${resourceVersion}`,
    headers: {},
  });
  let rest = "";
  for await (const chunk of response.body) {
    const now = performance.now();
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      delaysMs.push(now - (sentAt[Number(/"name":"map-(\d+)"/.exec(line)?.[1])] ?? NaN));
    }
    if (lines.length > 0) onDelivery();
  }
}

function nextWrite(): { readonly method: string; readonly path: string; readonly body: Uint8Array } {
  const number = sentAt.push(performance.now()) - 1;
  return { method: "POST", path, body: configMap(`map-${number}`) };
}

async function deliveries(count: number): Promise<void> {
  if (delaysMs.length >= count) return;
  await new Promise<void>((resolve) => {
    onDelivery = () => {
      if (delaysMs.length >= count) resolve();
    };
  });
}

/** Writes `events` objects by `write` and waits until every watcher has each. */
async function round(events: number, write: (events: number) => Promise<void>): Promise<number> {
  delaysMs.length = 0;
  const start = performance.now();
  await Promise.all([write(events), deliveries(events * watchers)]);
  return performance.now() - start;
}

async function flatOut(events: number): Promise<void> {
  let left = events;
  await sendAll(writer, 16, () => (left-- > 0 ? nextWrite() : undefined));
}

async function paced(events: number): Promise<void> {
  const start = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < events; i++) {
    await delay(Math.max(start + i * 10 - performance.now(), 0));
    let one: ReturnType<typeof nextWrite> | undefined = nextWrite();
    writes.push(sendAll(writer, 1, () => [one, (one = undefined)][0]));
  }
  await Promise.all(writes);
}

const watching = Array.from({ length: watchers }, () => watch("0").catch(() => {}));
await round(200, flatOut);
const events = 500;
const cpuBefore = cpuMs(server.pid);
const elapsedMs = await round(events, flatOut);
report("fan-out.rate", (events * watchers * 1000) / elapsedMs, "/s");
report("fan-out.server-cpu", ((cpuMs(server.pid) - cpuBefore) * 1000) / (events * watchers), "µs");
await round(300, paced);
// The design's figure is for 1,000 watchers.
report("fan-out.100-per-second.p50", percentile(delaysMs, 0.5), "ms");
report("fan-out.100-per-second.p99", percentile(delaysMs, 0.99), "ms", { atMost: 20 });
await reader[Symbol.asyncDispose]();
await Promise.all(watching);
