#!/usr/bin/env node
// Runs k8ts on the Node runtime pinned in package.json, whatever Node started this file.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(root, "dist", "k8ts.js");
const entry = existsSync(bundle) ? bundle : join(root, "src", "cmd", "main.ts");

function pinnedNode() {
  const require = createRequire(import.meta.url);
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  try {
    return join(dirname(require.resolve(`node-${process.platform}-${architecture}/package.json`)), "bin", "node");
  } catch {
    // No pinned runtime for this platform: the running one serves when it is new enough.
    if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
    console.error(`k8ts needs Node 24 or newer, and there is no pinned one for ${process.platform}-${process.arch}`);
    process.exit(1);
  }
}

const result = spawnSync(pinnedNode(), [entry, ...process.argv.slice(2)], { stdio: "inherit" });
if (result.error) throw result.error;
process.exitCode = result.status ?? 1;
