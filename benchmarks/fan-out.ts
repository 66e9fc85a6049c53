/** How fast do events reach 100 and 1,000 watchers, flat out and at a steady rate? */
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

import { startApiServer } from "./harness/api-server.ts";
import { configMap, sendAll } from "./harness/objects.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const path = "/api/v1/namespaces/default/configmaps";

await using server = await startApiServer();
const writer = server.connect();
// A connection carries a limited number of streams.
const watchersPerConnection = 100;
const readers: ReturnType<typeof server.connect>[] = [];

/** When each write was sent, by its number, and how long after that its event arrived at a watcher. */
const sentAt: number[] = [];
const delaysMs: number[] = [];
let onDelivery = (): void => {};

/** A line holds the object's name early on, `"name":"map-17"`: found without decoding the 2 KB around it. */
async function watch(reader: ReturnType<typeof server.connect>, resourceVersion: string): Promise<void> {
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

async function newestRevision(): Promise<string> {
  const response = await writer.send({ method: "GET", path: `${path}?limit=1`, headers: {} });
  const list = JSON.parse(await text(response.body)) as { metadata: { resourceVersion: string } };
  return list.metadata.resourceVersion;
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

/** Writes `events` objects by `write` and waits until every one of so many watchers has each. */
async function round(watchers: number, events: number, write: (events: number) => Promise<void>): Promise<number> {
  delaysMs.length = 0;
  const start = performance.now();
  await Promise.all([write(events), deliveries(events * watchers)]);
  return performance.now() - start;
}

async function flatOut(events: number): Promise<void> {
  let left = events;
  await sendAll(writer, 16, () => (left-- > 0 ? nextWrite() : undefined));
}

const paced = (perSecond: number) => async (events: number) => {
  const start = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < events; i++) {
    await delay(Math.max(start + (i * 1000) / perSecond - performance.now(), 0));
    let one: ReturnType<typeof nextWrite> | undefined = nextWrite();
    writes.push(sendAll(writer, 1, () => [one, (one = undefined)][0]));
  }
  await Promise.all(writes);
};

const watching: Promise<void>[] = [];
// The reader shares the machine with the server, so at 1,000 watchers a steady rate is one that both can follow.
for (const { watchers, events, perSecond } of [
  { watchers: 100, events: 500, perSecond: 100 },
  { watchers: 1_000, events: 100, perSecond: 20 },
]) {
  // From here on: what earlier rounds wrote is not sent again and does not count.
  const revision = await newestRevision();
  while (watching.length < watchers) {
    const reader = server.connect();
    readers.push(reader);
    for (let i = 0; i < watchersPerConnection; i++) watching.push(watch(reader, revision).catch(() => {}));
  }
  await round(watchers, Math.ceil(events / 3), flatOut);
  const cpuBefore = cpuMs(server.pid);
  const elapsedMs = await round(watchers, events, flatOut);
  report(`fan-out.${watchers}.rate`, (events * watchers * 1000) / elapsedMs, "/s");
  report(`fan-out.${watchers}.server-cpu`, ((cpuMs(server.pid) - cpuBefore) * 1000) / (events * watchers), "µs");
  await round(watchers, perSecond * 3, paced(perSecond));
  report(`fan-out.${watchers}.${perSecond}-per-second.p50`, percentile(delaysMs, 0.5), "ms");
  report(`fan-out.${watchers}.${perSecond}-per-second.p99`, percentile(delaysMs, 0.99), "ms", { atMost: 20 });
}
await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
await Promise.all(watching);
