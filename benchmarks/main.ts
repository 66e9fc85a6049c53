/**
 * Runs the benchmarks and prints a line per number, with the budget beside it.
 * Usage: node benchmarks/main.ts [--json FILE] [NAME…]
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { formatReport, jsonVariable, type Measurement, type Report } from "./harness/report.ts";

// Those that answer the questions of the design's budgets; store and apiserver look closer and run when named.
const standard = ["cold-start", "up", "creates", "list", "apply", "fan-out", "pod-start", "idle"];

async function run(name: string, onReport: (line: Report) => void): Promise<number> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/${name}.ts`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, [jsonVariable]: "1" },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) onReport(JSON.parse(line) as Report);
  }
  return ended;
}

const { values, positionals } = parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
const unknown = positionals.filter((name) => !existsSync(`${import.meta.dirname}/${name}.ts`));
if (unknown.length > 0) {
  const known = readdirSync(import.meta.dirname).filter((f) => f.endsWith(".ts") && f !== "main.ts");
  console.error(`no such benchmark: ${unknown.join(", ")}; there are ${known.map((f) => f.slice(0, -3)).join(", ")}`);
  process.exit(2);
}
console.log(`${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.versions.node}`);
const measurements: Measurement[] = [];
const skipped: Record<string, string> = {};
for (const name of positionals.length > 0 ? positionals : standard) {
  const exitCode = await run(name, (line) => {
    if ("skipped" in line) skipped[name] = line.skipped;
    else measurements.push(line);
    console.log("skipped" in line ? `${name}: ${formatReport(line)}` : formatReport(line));
  });
  if (exitCode !== 0) {
    console.error(`${name}: failed with exit code ${exitCode}`);
    process.exitCode = 1;
  }
}
if (values.json !== undefined) {
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.versions.node };
  await writeFile(values.json, `${JSON.stringify({ machine, measurements, skipped }, undefined, 2)}\n`);
}
