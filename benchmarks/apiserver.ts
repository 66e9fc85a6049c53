import { SystemClock } from "../src/component-base/clock.ts";
import { builtinScheme } from "../src/api/scheme.ts";
import { createMemoryBackend } from "../src/mvcc/memory-backend.ts";
import { TestServer } from "../src/apiserver/testing/test-server.ts";

// What the API server itself costs: in process, over the memory store, no sockets and no disk.

const scheme = builtinScheme();
const clock = new SystemClock();
const pods = "/api/v1/namespaces/default/pods";

function pod(name: string, nodeName?: string): object {
  // About 2 KB stored.
  const env = Array.from({ length: 12 }, (_, i) => ({ name: `VARIABLE_NUMBER_${i}`, value: `some value ${i}` }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web", tier: "front" }, annotations: { note: "x".repeat(600) } },
    spec: { ...(nodeName ? { nodeName } : {}), containers: [{ name: "c", image: "registry/web:1", env }] },
  };
}

async function timed(label: string, count: number, unit: string, run: () => Promise<void>): Promise<void> {
  const startMs = clock.monotonic();
  await run();
  const ms = clock.monotonic() - startMs;
  const rate = Math.round((count / ms) * 1000);
  console.log(`${label.padEnd(44)} ${String(rate).padStart(9)} ${unit}/s  ${((ms * 1000) / count).toFixed(1)} µs each`);
}

async function drain(server: TestServer, path: string): Promise<number> {
  const response = await server.send("GET", path);
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  return bytes;
}

export async function main(): Promise<void> {
  const backend = createMemoryBackend({ clock });
  const startMs = clock.monotonic();
  await using server = await TestServer.start({ scheme, backend, clock });
  console.log(`start with every built-in resource ${(clock.monotonic() - startMs).toFixed(1)} ms`);

  const total = 5000;
  const create = async (i: number): Promise<void> => {
    const { status, text } = await server.request("POST", pods, pod(`pod-${i}`));
    if (status !== 201) throw new Error(text);
  };
  for (let i = 0; i < 500; i++) await create(total + i);
  await timed("create pods, 1 client", 1000, "creates", async () => {
    for (let i = 0; i < 1000; i++) await create(i);
  });
  await timed("create pods, 64 clients", total - 1000, "creates", async () => {
    let next = 1000;
    const client = async (): Promise<void> => {
      while (next < total) await create(next++);
    };
    await Promise.all(Array.from({ length: 64 }, client));
  });
  await timed("get", 20_000, "gets", async () => {
    for (let i = 0; i < 20_000; i++) await drain(server, `${pods}/pod-${i % total}`);
  });
  let bytes = 0;
  await timed("list 5,500 pods", 50, "lists", async () => {
    for (let i = 0; i < 50; i++) bytes = await drain(server, pods);
  });
  console.log(`  one list is ${(bytes / 1e6).toFixed(1)} MB`);
  await timed("list as table", 5, "tables", async () => {
    for (let i = 0; i < 5; i++) {
      const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
      const response = await server.send("GET", pods, undefined, { accept });
      for await (const _chunk of response.body);
    }
  });
  await fanOut(server, 100, 1000);
}

/** Every watcher gets every event; done when the last has the last. */
async function fanOut(server: TestServer, watchers: number, events: number): Promise<void> {
  const from = server.backend.revision();
  const readers = Array.from({ length: watchers }, async () => {
    const response = await server.send("GET", `${pods}?watch=1&resourceVersion=${from}`);
    let seen = 0;
    for await (const chunk of response.body) {
      seen += countLines(chunk);
      if (seen >= events) break;
    }
  });
  await timed(`fan-out to ${watchers} watchers, patches included`, watchers * events, "deliveries", async () => {
    for (let i = 0; i < events; i++) {
      const patch = { metadata: { labels: { round: String(i) } } };
      const headers = { "content-type": "application/merge-patch+json" };
      const { status, text } = await server.request("PATCH", `${pods}/pod-${i}`, patch, headers);
      if (status !== 200) throw new Error(text);
    }
    await Promise.all(readers);
  });
}

function countLines(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  return count;
}

if (import.meta.main) await main();
