// Everything that can be said about the sources without running the tests. Each step runs; the exit code tells of any failure.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const steps: readonly (readonly [string, string, ...string[]])[] = [
  ["types and import walls", "tsc", "-b"],
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["format", "oxfmt", "--check"],
  ["unused code and dependencies", "knip"],
  ["generated files are current", "node", "scripts/generate.ts", "--check"],
  ["tidy", "node", "scripts/tidy.ts"],
  ["portable core bundles for the browser", "node", "scripts/browser-gate.ts"],
];

let failures = 0;
for (const [title, command, ...args] of steps) {
  const started = performance.now();
  const program = command === "node" ? process.execPath : `node_modules/.bin/${command}`;
  if (!existsSync(program)) throw new Error(`${command} is not installed: run npm ci`);
  const run = spawnSync(program, args, { encoding: "utf8" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${run.status === 0 ? "ok  " : "FAIL"} ${title} (${seconds} s)`);
  if (run.status !== 0) {
    failures++;
    process.stdout.write(run.stdout);
    process.stderr.write(run.stderr);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
