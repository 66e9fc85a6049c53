import { build } from "esbuild";

/**
 * Bundles a program into a directory. Few files start several times faster than many; what a command does not need is
 * in chunks it does not load, and an entry can turn the compile cache on before it loads the rest.
 */
export async function bundle(
  entry: string,
  {
    directory,
    name,
    extension,
  }: { readonly directory: string; readonly name: string; readonly extension: ".js" | ".mjs" },
): Promise<void> {
  await build({
    // Threads are started from files of their own.
    entryPoints: { [name]: entry, "yaml-worker": "src/node/yaml-worker.ts" },
    outdir: directory,
    outExtension: { ".js": extension },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // Split bundles lose the names of a CommonJS package that is loaded by import().
    mainFields: ["module", "main"],
    sourcemap: true,
    legalComments: "linked",
    // Some CommonJS dependencies call require() at run time, which a module has to make for itself.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}
