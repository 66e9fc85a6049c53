import { parseArgs, type ParseArgsConfig } from "node:util";

import { ClusterDirectory } from "./cluster-directory.ts";

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Parses the arguments of one command; unknown options and stray words are UsageErrors. */
export function parseCommandLine<T extends Options>(
  args: readonly string[],
  options: T,
  positionals: readonly string[] = [],
): {
  readonly values: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>>["values"];
  readonly positionals: readonly string[];
} {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (parsed.positionals.length > positionals.length) {
    throw new UsageError(`unexpected argument: ${parsed.positionals[positionals.length]}`);
  }
  return parsed;
}

/** The options of every command that works on one cluster. */
export const clusterOptions = {
  name: { type: "string", default: "default" },
  "data-dir": { type: "string" },
} as const satisfies Options;

export function clusterDirectory(values: { readonly name?: string; readonly "data-dir"?: string }): ClusterDirectory {
  const name = values.name ?? "default";
  if (!/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)) {
    throw new UsageError(`--name must be a short DNS label of lower-case letters, digits and '-': ${name}`);
  }
  return values["data-dir"] === undefined ? ClusterDirectory.default(name) : new ClusterDirectory(values["data-dir"]);
}
