import { parse, stringify } from "yaml";
import { emptyKubeconfig, KubeconfigError, type Kubeconfig } from "./kubeconfig.ts";

/** Reads the text of a kubeconfig file, YAML or JSON. Empty text is an empty config. Unknown fields are kept. */
export function parseKubeconfig(text: string): Kubeconfig {
  let value: unknown;
  try {
    // A kubeconfig has no use for aliases; a bomb of them is refused.
    value = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new KubeconfigError("kubeconfig is not valid YAML", { cause });
  }
  if (value === null || value === undefined) return emptyKubeconfig;
  if (typeof value !== "object" || Array.isArray(value)) throw new KubeconfigError("kubeconfig is not an object");
  const { kind, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  if ((kind ?? "Config") !== "Config" || (apiVersion ?? "v1") !== "v1")
    throw new KubeconfigError(`kubeconfig is ${String(apiVersion)} ${String(kind)}, not v1 Config`);
  const file = value as Partial<Kubeconfig>;
  return {
    ...file,
    apiVersion: "v1",
    kind: "Config",
    clusters: namedList(file.clusters, "clusters"),
    users: namedList(file.users, "users"),
    contexts: namedList(file.contexts, "contexts"),
    "current-context": file["current-context"] ?? "",
  };
}

export function formatKubeconfig(config: Kubeconfig): string {
  return stringify(config, { lineWidth: 0 });
}

/** `clusters`, `users` and `contexts` are lists of `{name, …}`; an entry's body may be left out. */
function namedList<T extends { readonly name: string }>(list: readonly T[] | null | undefined, field: string): T[] {
  if (list === null || list === undefined) return [];
  const body = field.slice(0, -1);
  if (!Array.isArray(list) || list.some((entry) => typeof entry?.name !== "string"))
    throw new KubeconfigError(`kubeconfig: ${field} must be a list of named entries`);
  return list.map((entry: T) => ({ ...entry, [body]: (entry as Readonly<Record<string, unknown>>)[body] ?? {} }));
}
