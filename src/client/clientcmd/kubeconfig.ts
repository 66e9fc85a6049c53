/** A kubeconfig file (`v1 Config`), read-only. Names of fields are the file's. */
export interface Kubeconfig {
  readonly apiVersion: "v1";
  readonly kind: "Config";
  readonly preferences?: unknown;
  readonly clusters: readonly NamedCluster[];
  readonly users: readonly NamedUser[];
  readonly contexts: readonly NamedContext[];
  readonly "current-context": string;
  readonly extensions?: readonly unknown[];
}

export interface NamedCluster {
  readonly name: string;
  readonly cluster: ClusterInfo;
}

export interface ClusterInfo {
  readonly server?: string;
  readonly "tls-server-name"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  /** A path, relative to the file. */
  readonly "certificate-authority"?: string;
  /** Base64 of PEM. */
  readonly "certificate-authority-data"?: string;
  readonly "proxy-url"?: string;
  readonly "disable-compression"?: boolean;
}

export interface NamedUser {
  readonly name: string;
  readonly user: UserInfo;
}

export interface UserInfo {
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly "as-groups"?: readonly string[];
  readonly exec?: unknown;
  readonly "auth-provider"?: unknown;
}

export interface NamedContext {
  readonly name: string;
  readonly context: ContextInfo;
}

export interface ContextInfo {
  readonly cluster: string;
  readonly user: string;
  readonly namespace?: string;
}

export const emptyKubeconfig: Kubeconfig = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [],
  users: [],
  contexts: [],
  "current-context": "",
};

/** One cluster as one user, named alike. */
export function singleContextKubeconfig(options: {
  readonly name: string;
  readonly cluster: ClusterInfo;
  readonly user: UserInfo;
  readonly namespace?: string;
}): Kubeconfig {
  const { name, cluster, user, namespace } = options;
  return {
    ...emptyKubeconfig,
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace ? { namespace } : {}) } }],
    "current-context": name,
  };
}

/**
 * What several files say together, as $KUBECONFIG lists them: of entries with one name the first counts, and the first
 * file that names a current context decides.
 */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  return configs.reduce(
    (first, second) => ({
      ...first,
      clusters: firstByName([...first.clusters, ...second.clusters]),
      users: firstByName([...first.users, ...second.users]),
      contexts: firstByName([...first.contexts, ...second.contexts]),
      "current-context": first["current-context"] || second["current-context"],
    }),
    emptyKubeconfig,
  );
}

/** `config` with the entries of `added` in place of those of the same name, and `added`'s current context if it has one. */
export function setKubeconfigEntries(config: Kubeconfig, added: Kubeconfig): Kubeconfig {
  return {
    ...config,
    clusters: replaceByName(config.clusters, added.clusters),
    users: replaceByName(config.users, added.users),
    contexts: replaceByName(config.contexts, added.contexts),
    "current-context": added["current-context"] || config["current-context"],
  };
}

/** `config` without the context, and without the cluster and user that no other context uses. */
export function removeContext(config: Kubeconfig, name: string): Kubeconfig {
  const removed = config.contexts.find((c) => c.name === name);
  const contexts = config.contexts.filter((c) => c.name !== name);
  const { cluster, user } = removed?.context ?? {};
  return {
    ...config,
    contexts,
    clusters: config.clusters.filter((c) => c.name !== cluster || contexts.some((x) => x.context.cluster === c.name)),
    users: config.users.filter((u) => u.name !== user || contexts.some((x) => x.context.user === u.name)),
    "current-context": config["current-context"] === name ? "" : config["current-context"],
  };
}

/** What a context stands for. Throws KubeconfigError when it, its cluster or its user is not there. */
export function resolveContext(
  config: Kubeconfig,
  name = config["current-context"],
): { readonly cluster: ClusterInfo; readonly user: UserInfo; readonly namespace: string } {
  const context = config.contexts.find((c) => c.name === name)?.context;
  if (!context) throw new KubeconfigError(name ? `context "${name}" does not exist` : "no current context is set");
  const cluster = config.clusters.find((c) => c.name === context.cluster)?.cluster;
  if (!cluster) throw new KubeconfigError(`cluster "${context.cluster}" does not exist`);
  const user = context.user === "" ? {} : config.users.find((u) => u.name === context.user)?.user;
  if (!user) throw new KubeconfigError(`auth info "${context.user}" does not exist`);
  return { cluster, user, namespace: context.namespace || "default" };
}

/** The kubeconfig cannot be read or used. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

function firstByName<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  const byName = new Map<string, T>();
  for (const entry of entries) if (!byName.has(entry.name)) byName.set(entry.name, entry);
  return [...byName.values()];
}

function replaceByName<T extends { readonly name: string }>(entries: readonly T[], added: readonly T[]): T[] {
  return [...new Map([...entries, ...added].map((entry) => [entry.name, entry])).values()];
}
