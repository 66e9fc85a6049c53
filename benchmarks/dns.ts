/**
 * DNS queries a second of a node's server over UDP on loopback, among 1,000 Services: addresses of Services by their full names,
 * names that a search path makes and that do not exist, headless Services of 3 pods; and what a query costs the server's process.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { bundled } from "./harness/bundled.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const sockets = 4;
const inFlightPerSocket = 16;
const warmupMs = 1_000;
const measureMs = 3_000;

function query(id: number, name: string): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

const directory = await mkdtemp(join(tmpdir(), "k8ts-bench-"));
const child = spawn(process.execPath, [await bundled("benchmarks/programs/dns-server.ts", directory)], {
  stdio: ["pipe", "pipe", "inherit"],
});
const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
const port = Number(await new Promise((resolve) => child.stdout.once("data", (text: Buffer) => resolve(String(text)))));

async function measure(what: string, nameOf: (n: number) => string, code: number): Promise<void> {
  const packets = Array.from({ length: 1_000 }, (_, n) => query(0, nameOf(n)));
  let times: number[] = [];
  let isOver = false;
  let next = 0;
  const all = Array.from({ length: sockets }, async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
    const startedMs: number[] = [];
    const send = (id: number): void => {
      const packet = packets[next++ % packets.length];
      if (!packet) return;
      packet.writeUInt16BE(id);
      startedMs[id] = performance.now();
      // The socket may send later: the packet's id must not change until then.
      socket.send(Buffer.from(packet));
    };
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("message", (answer) => {
        if ((answer.readUInt8(3) & 15) !== code)
          reject(new Error(`${what} is answered with ${answer.readUInt8(3) & 15}`));
        const id = answer.readUInt16BE();
        times.push(performance.now() - (startedMs[id] ?? 0));
        if (isOver) resolve();
        else send(id);
      });
      for (let id = 0; id < inFlightPerSocket; id++) send(id);
    });
    socket.close();
  });
  await new Promise((resolve) => setTimeout(resolve, warmupMs));
  times = [];
  const pid = child.pid ?? 0;
  const [startMs, startCpuMs] = [performance.now(), cpuMs(pid)];
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const count = times.length;
  const [ms, usedMs] = [performance.now() - startMs, cpuMs(pid) - startCpuMs];
  const measured = times.slice(0, count);
  isOver = true;
  await Promise.all(all);
  report(`dns.${what}`, (count / ms) * 1000, "q/s");
  report(`dns.${what}.p99`, percentile(measured, 0.99), "ms");
  report(`dns.${what}.cpu`, (usedMs / count) * 1000, "µs CPU");
}

try {
  await measure("service", (n) => `s-${n}.ns.svc.cluster.local`, 0);
  await measure("nonexistent", (n) => `s-${n}.example.com.ns.svc.cluster.local`, 3);
  await measure("headless", (n) => `h-${n % 100}.ns.svc.cluster.local`, 0);
} finally {
  child.stdin.end();
  await ended;
  await rm(directory, { recursive: true });
}
