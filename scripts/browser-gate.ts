// Proves that the portable core has no way to a platform module: bundles it for the browser, where `node:` does not resolve.
import { build } from "esbuild";

await build({
  entryPoints: ["src/cluster/create-cluster.ts"],
  bundle: true,
  write: false,
  platform: "browser",
  format: "esm",
  target: "es2024",
  logLevel: "error",
});
