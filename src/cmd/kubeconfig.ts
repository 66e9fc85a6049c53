import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import * as path from "node:path";

import {
  emptyKubeconfig,
  removeContext,
  setKubeconfigEntries,
  singleContextKubeconfig,
  type Kubeconfig,
} from "../client/clientcmd/kubeconfig.ts";
import { formatKubeconfig, parseKubeconfig } from "../client/clientcmd/kubeconfig-file.ts";

/** `k8ts` for the default cluster, else `k8ts-NAME`: the name of cluster, user and context. */
export function contextName(clusterName: string): string {
  return clusterName === "default" ? "k8ts" : `k8ts-${clusterName}`;
}

/** The administrator's kubeconfig; certificates and key are PEM. */
export function adminKubeconfig(options: {
  readonly clusterName: string;
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}): Kubeconfig {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return singleContextKubeconfig({
    name: contextName(options.clusterName),
    cluster: { server: options.server, "certificate-authority-data": base64(options.ca) },
    user: { "client-certificate-data": base64(options.cert), "client-key-data": base64(options.key) },
  });
}

export async function writeKubeconfig(file: string, config: Kubeconfig): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, formatKubeconfig(config), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** Adds the entries of `config` to the file kubectl reads and makes its context the current one. Returns the file. */
export async function mergeIntoUserKubeconfig(config: Kubeconfig): Promise<string> {
  const file = userKubeconfigFile();
  await writeKubeconfig(file, setKubeconfigEntries((await readKubeconfig(file)) ?? emptyKubeconfig, config));
  return file;
}

/** Takes the cluster's context out of the file kubectl reads. */
export async function removeFromUserKubeconfig(clusterName: string): Promise<void> {
  const file = userKubeconfigFile();
  const present = await readKubeconfig(file);
  const name = contextName(clusterName);
  if (present?.contexts.some((c) => c.name === name)) await writeKubeconfig(file, removeContext(present, name));
}

/** The first of $KUBECONFIG, else ~/.kube/config. */
function userKubeconfigFile(): string {
  const first = (process.env["KUBECONFIG"] ?? "").split(":").find((f) => f !== "");
  return first ?? path.join(homedir(), ".kube", "config");
}

async function readKubeconfig(file: string): Promise<Kubeconfig | undefined> {
  try {
    return parseKubeconfig(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
