/**
 * Requests a second through a node's Ingress, over loopback, with 1 KB answers: over 64 kept connections, over a new connection
 * each, over TLS; how long one takes, and what it costs the node's process.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectPlain, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

import { bundled } from "./harness/bundled.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const clients = 64;
const warmupMs = 1_500;
const measureMs = 4_000;
const request = "GET /some/path HTTP/1.1\r\nHost: web.example\r\nUser-Agent: bench\r\nAccept: */*\r\n";
const bodyBytes = 1024;
const headEnd = Buffer.from("\r\n\r\n");

interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly ports: readonly number[];
}

async function start(program: string, ...args: readonly string[]): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), "k8ts-bench-"));
  const file = await bundled(`benchmarks/programs/${program}`, directory);
  const child = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const line = await new Promise<string>((resolve) =>
    child.stdout.once("data", (text: Buffer) => resolve(String(text))),
  );
  return {
    pid: child.pid ?? 0,
    ports: line.trim().split(" ").map(Number),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}

/** One client: a request when the last one's answer is whole. Resolves when `isOver` says so. */
function ask(
  connect: () => Socket,
  isKept: boolean,
  onAnswer: (ms: number) => void,
  isOver: () => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const text = `${request}${isKept ? "" : "Connection: close\r\n"}\r\n`;
    const begin = (): void => {
      const socket = connect();
      let startedMs = performance.now();
      let received = 0;
      let wanted = Infinity;
      socket.on("error", reject);
      socket.on(connect === plain ? "connect" : "secureConnect", () => socket.write(text));
      socket.on("data", (chunk: Buffer) => {
        if (received === 0) {
          if (!chunk.subarray(0, 12).equals(Buffer.from("HTTP/1.1 200"))) reject(new Error(String(chunk)));
          wanted = chunk.indexOf(headEnd) + headEnd.length + bodyBytes;
        }
        received += chunk.length;
        if (received < wanted) return;
        onAnswer(performance.now() - startedMs);
        if (isOver()) {
          socket.destroy();
          resolve();
        } else if (isKept) {
          received = 0;
          startedMs = performance.now();
          socket.write(text);
        } else {
          socket.destroy();
          begin();
        }
      });
    };
    begin();
  });
}

await using backend = await start("http-backend.ts");
await using gateway = await start("ingress-gateway.ts", String(backend.ports[0]));
const [httpPort = 0, httpsPort = 0] = gateway.ports;
const plain = (): Socket => connectPlain(httpPort, "127.0.0.1").setNoDelay(true);
const overTls = (): Socket =>
  connectTls({ port: httpsPort, host: "127.0.0.1", servername: "web.example", rejectUnauthorized: false });

async function measure(name: string, connect: () => Socket, isKept: boolean, cpuAtMost?: number): Promise<void> {
  let times: number[] = [];
  let isOver = false;
  const all = Array.from({ length: clients }, () =>
    ask(
      connect,
      isKept,
      (ms) => void times.push(ms),
      () => isOver,
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, warmupMs));
  times = [];
  const [startMs, startCpuMs] = [performance.now(), cpuMs(gateway.pid)];
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const count = times.length;
  const [ms, usedMs] = [performance.now() - startMs, cpuMs(gateway.pid) - startCpuMs];
  const measured = times.slice(0, count);
  isOver = true;
  await Promise.all(all);
  report(`ingress.${name}`, (count / ms) * 1000, "req/s");
  report(`ingress.${name}.p50`, percentile(measured, 0.5), "ms");
  report(`ingress.${name}.p99`, percentile(measured, 0.99), "ms");
  report(
    `ingress.${name}.cpu`,
    (usedMs / count) * 1000,
    "µs CPU",
    ...(cpuAtMost === undefined ? [] : [{ atMost: cpuAtMost }]),
  );
}

await measure("kept", plain, true, 200);
await measure("new", plain, false);
await measure("tls-kept", overTls, true);
