import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import * as path from "node:path";
import { parse, stringify } from "yaml";

interface NamedEntry {
  readonly name: string;
  readonly [field: string]: unknown;
}

interface Kubeconfig {
  readonly apiVersion: "v1";
  readonly kind: "Config";
  readonly clusters: readonly NamedEntry[];
  readonly users: readonly NamedEntry[];
  readonly contexts: readonly NamedEntry[];
  readonly "current-context": string;
  readonly [field: string]: unknown;
}

/** `k8ts` for the default cluster, else `k8ts-NAME`: the name of cluster, user and context. */
export function contextName(clusterName: string): string {
  return clusterName === "default" ? "k8ts" : `k8ts-${clusterName}`;
}

/** A kubeconfig of one context; certificates and key are PEM. */
export function adminKubeconfig(options: {
  readonly clusterName: string;
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}): Kubeconfig {
  const name = contextName(options.clusterName);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: options.server, "certificate-authority-data": base64(options.ca) } }],
    users: [
      {
        name,
        user: { "client-certificate-data": base64(options.cert), "client-key-data": base64(options.key) },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}

export async function writeKubeconfig(file: string, config: Kubeconfig): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, stringify(config), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** The file kubectl reads: the first of $KUBECONFIG, else ~/.kube/config. */
export function userKubeconfigFile(): string {
  const first = (process.env["KUBECONFIG"] ?? "").split(":").find((f) => f !== "");
  return first ?? path.join(homedir(), ".kube", "config");
}

/** Adds the entries of `config` to the user's file, replacing those of the same name, and makes its context the current one. */
export async function mergeIntoUserKubeconfig(config: Kubeconfig): Promise<string> {
  const file = userKubeconfigFile();
  const present = await readKubeconfig(file);
  if (!present) await writeKubeconfig(file, config);
  else {
    const names = new Set([config["current-context"]]);
    await writeKubeconfig(file, {
      ...without(present, names),
      clusters: [...others(present.clusters, names), ...config.clusters],
      users: [...others(present.users, names), ...config.users],
      contexts: [...others(present.contexts, names), ...config.contexts],
      "current-context": config["current-context"],
    });
  }
  return file;
}

/** Takes the cluster's entries out of the user's file; a file that holds nothing else then is emptied of them, not deleted. */
export async function removeFromUserKubeconfig(clusterName: string): Promise<void> {
  const file = userKubeconfigFile();
  const present = await readKubeconfig(file);
  const name = contextName(clusterName);
  if (!present || !(present.contexts ?? []).some((c) => c.name === name)) return;
  await writeKubeconfig(file, without(present, new Set([name])));
}

function without(config: Kubeconfig, names: ReadonlySet<string>): Kubeconfig {
  return {
    ...config,
    clusters: others(config.clusters, names),
    users: others(config.users, names),
    contexts: others(config.contexts, names),
    "current-context": names.has(config["current-context"]) ? "" : config["current-context"],
  };
}

function others(entries: readonly NamedEntry[] | null | undefined, names: ReadonlySet<string>): readonly NamedEntry[] {
  return (entries ?? []).filter((e) => !names.has(e.name));
}

async function readKubeconfig(file: string): Promise<Kubeconfig | undefined> {
  try {
    const parsed: unknown = parse(await readFile(file, "utf8"));
    if (parsed === null || parsed === undefined) return undefined;
    if (typeof parsed !== "object") throw new Error(`${file} is not a kubeconfig`);
    // Only entries of our own names are touched; the rest is written back as it was read.
    return parsed as Kubeconfig;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
