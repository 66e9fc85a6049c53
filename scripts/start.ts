// `npm start`: builds the command when its sources are newer, starts a cluster (installing what the machine lacks), and
// shows the example answering.
import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";

const bundle = "dist/k8ts.js";
const builtMs = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isStale = globSync("src/**/*.{ts,json}").some((file) => statSync(file).mtimeMs > builtMs);
if (isStale) run("scripts/build.ts");
run(bundle, "up", "--install", ...process.argv.slice(2));
run(bundle, "hello", ...process.argv.slice(2));

function run(script: string, ...args: string[]): void {
  const result = spawnSync(process.execPath, [script, ...args], { stdio: "inherit" });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
