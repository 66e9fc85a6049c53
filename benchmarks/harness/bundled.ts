import { join } from "node:path";

import { bundle } from "../../scripts/bundle.ts";

/** Bundles a program of this repository as `npm run build` bundles the command; resolves to the file to run. */
export async function bundled(program: string, directory: string): Promise<string> {
  const entry = join(import.meta.dirname, "../..", program);
  await bundle(entry, { directory, name: "main", extension: ".mjs" });
  return join(directory, "main.mjs");
}
