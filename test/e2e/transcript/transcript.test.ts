import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { kubectlPrograms, kubectlVersion, startKubectlCluster, type KubectlCluster } from "./kubectl-cluster.ts";
import { formatTranscript, generalize, matches, outputLines, parseTranscript, type Step } from "./transcript.ts";

// Stock kubectl against a cluster with simulated nodes: every command of the *.transcript files must print what is written
// there, which is what it prints against any cluster. Each file has a cluster of its own.
//
//   node test/e2e/transcript/transcript.test.ts [--rewrite] [--every-version|--kubectl=FILE] [start of a file name …]

const args = process.argv.slice(2);
const isRewriting = args.includes("--rewrite");
const chosen = args.filter((arg) => !arg.startsWith("--"));
// A repeated command has this long to print what is expected; when rewriting, what it prints then is taken.
const repeatMs = isRewriting ? 4_000 : 20_000;

// What a client words itself changes from release to release, so the files are one release's: newer ones say "deleted from
// default namespace", older ones "annotate" for "annotated". What another prints is told on demand, by the flags.
const recordedWith = "1.33";
const given = args.find((arg) => arg.startsWith("--kubectl="))?.slice("--kubectl=".length);
const found = given === undefined ? kubectlPrograms() : [given];
const recorded = found.filter(
  (program) => given !== undefined || kubectlVersion(program).startsWith(`v${recordedWith}.`),
);
const programs = args.includes("--every-version") ? found : recorded.slice(0, 1);
const files = readdirSync(import.meta.dirname)
  .filter(
    (name) => name.endsWith(".transcript") && (chosen.length === 0 || chosen.some((start) => name.startsWith(start))),
  )
  .sort();

test(
  "there is a kubectl",
  { skip: programs.length === 0 ? `no kubectl ${recordedWith} on the PATH` : false },
  () => {},
);
for (const program of programs) {
  for (const file of files) {
    const skip = chosen.length === 0 ? skipReason(path.join(import.meta.dirname, file)) : false;
    test(`${file} by ${path.basename(program)}`, { skip }, () => play(path.join(import.meta.dirname, file), program));
  }
}

/** A file may begin with `# skip: reason`; it is played when it is asked for by name. */
function skipReason(file: string): string | false {
  return /^# skip: (.*)/.exec(readFileSync(file, "utf8"))?.[1] ?? false;
}

async function play(file: string, program: string): Promise<void> {
  const transcript = parseTranscript(readFileSync(file, "utf8"));
  await using cluster = await startKubectlCluster(program);
  const differences: string[] = [];
  const steps: Step[] = [];
  for (const step of transcript.steps) {
    const actual = await run(cluster, step);
    steps.push({ ...step, expected: generalize(step.expected, actual) });
    if (!matches(step.expected, actual)) {
      const text = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join("\n");
      differences.push(
        `line ${step.line}: $ ${step.command}\n  expected\n${text(step.expected)}\n  printed\n${text(actual)}`,
      );
    }
  }
  if (isRewriting) writeFileSync(file, formatTranscript({ steps, tail: transcript.tail }));
  else assert.equal(differences.length, 0, `${differences.length} differences\n${differences.join("\n")}`);
}

async function run(cluster: KubectlCluster, step: Step): Promise<readonly string[]> {
  const started = Date.now();
  for (;;) {
    const { stdout, exitCode } = await cluster.shell(step.command);
    const actual = outputLines(stdout, exitCode);
    if (!step.isRepeated || Date.now() - started > repeatMs || matches(step.expected, actual)) return actual;
    await delay(100);
  }
}
