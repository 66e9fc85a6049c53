/**
 * How long does a cluster inside a test take, from `exec` of its process: until the first request is answered, and until
 * a Deployment's three simulated pods are Running? Bundled, as it is shipped, and as TypeScript source with the compile
 * cache, as in this repository's own tests.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { bundled } from "./harness/bundled.ts";
import { report } from "./harness/report.ts";
import { median } from "./harness/statistics.ts";
import { execChecked } from "../src/node/exec.ts";

const rounds = 7;
const program = "benchmarks/programs/in-process-cluster.ts";

type Times = Readonly<Record<"loaded" | "answered" | "created" | "running" | "cpu", number>>;

async function coldStarts(file: string): Promise<(part: (times: Times) => number) => number> {
  const all: Times[] = [];
  // The first fills the compile cache and the page cache.
  for (let round = 0; round <= rounds; round++) {
    const times = JSON.parse(await execChecked(process.execPath, [file])) as Times;
    if (round > 0) all.push(times);
  }
  return (part) => median(all.map(part));
}

const directory = await mkdtemp(join(tmpdir(), "k8ts-bench-"));
try {
  const shipped = await coldStarts(await bundled(program, directory));
  report(
    "cold-start.first-answer",
    shipped((t) => t.answered),
    "ms",
    { atMost: 150 },
  );
  report(
    "cold-start.3-pods-running",
    shipped((t) => t.running),
    "ms",
    { atMost: 300 },
  );
  report(
    "cold-start.deployment-to-running",
    shipped((t) => t.running - t.answered),
    "ms",
  );
  report(
    "cold-start.load",
    shipped((t) => t.loaded),
    "ms",
  );
  report(
    "cold-start.cpu",
    shipped((t) => t.cpu),
    "ms CPU",
  );
  const source = await coldStarts(join(import.meta.dirname, "..", program));
  report(
    "cold-start.source.first-answer",
    source((t) => t.answered),
    "ms",
  );
  report(
    "cold-start.source.3-pods-running",
    source((t) => t.running),
    "ms",
  );
  report(
    "cold-start.source.load",
    source((t) => t.loaded),
    "ms",
  );
  report(
    "cold-start.source.cpu",
    source((t) => t.cpu),
    "ms CPU",
  );
} finally {
  await rm(directory, { recursive: true });
}
