// The one test command: unit tests beside the sources, vectors made by upstream, integration tests in process, simulations from seeds, e2e tests on real containerd.
// Usage: node scripts/test.ts [unit|golden|integration|simulation|e2e] [file …]
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { networkInterfaces } from "node:os";

// A fresh network namespace has its loopback link down, and then nobody can be reached at 127.0.0.1.
if (process.platform === "linux" && process.getuid?.() === 0 && networkInterfaces()["lo"] === undefined) {
  spawnSync("ip", ["link", "set", "lo", "up"]);
}

const groups: Readonly<Record<string, { readonly pattern: string; readonly isolated: boolean }>> = {
  unit: { pattern: "src/**/*.test.ts", isolated: false },
  golden: { pattern: "test/golden/**/*.test.ts", isolated: true },
  integration: { pattern: "test/integration/**/*.test.ts", isolated: true },
  simulation: { pattern: "test/simulation/**/*.test.ts", isolated: true },
  e2e: { pattern: "test/e2e/**/*.test.ts", isolated: true },
};

const [first, ...rest] = process.argv.slice(2);
const chosen = first === undefined ? Object.keys(groups) : [first];
let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of chosen) {
  const group = groups[name];
  if (!group) {
    console.error(`no such group of tests: ${name}`);
    process.exit(2);
  }
  const files = rest.length > 0 ? rest : globSync(group.pattern).sort();
  if (files.length === 0) continue;
  console.log(`\n== ${name}: ${files.length} files`);
  const flags = group.isolated
    ? ["--test-concurrency=1", "--test-timeout=600000"]
    : ["--test-isolation=none", "--test-timeout=120000"];
  const run = spawnSync(process.execPath, ["--test", ...flags, "--test-reporter=spec", ...files], {
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 256 << 20,
    encoding: "utf8",
  });
  process.stdout.write(run.stdout);
  const count = (label: string): number =>
    [...run.stdout.matchAll(new RegExp(`^ℹ ${label} (\\d+)$`, "gm"))].reduce((sum, m) => sum + Number(m[1]), 0);
  passed += count("pass");
  failed += count("fail") + count("cancelled");
  skipped += count("skipped");
  if (run.status !== 0 && failed === 0) failed++;
}
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
