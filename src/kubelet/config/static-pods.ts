import type { Pod } from "../../api/core/v1/types.gen.ts";
import { builtinScheme } from "../../api/scheme.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import { parseYaml } from "../../apimachinery/yaml/parse.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { Logger } from "../../component-base/logger.ts";
import { fnv1a32 } from "../../component-helpers/hash.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { configHashAnnotation, configSeenAnnotation, configSourceAnnotation } from "../api/pods.ts";
import { apiReferenceOf } from "../../component-helpers/api-reference.ts";

/** Reads the manifest an address serves: a Pod, or a list of Pods. */
export type ManifestFetcher = (url: string) => Promise<Uint8Array>;

export interface StaticPodsOptions {
  readonly nodeName: string;
  readonly fileSystem: FileSystem;
  readonly fetchManifest: ManifestFetcher | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A file, or a directory whose files hold one Pod each; empty for none. */
  readonly path: string;
  /** Empty for none. */
  readonly url: string;
  readonly pathPeriodMs: number;
  readonly urlPeriodMs: number;
  readonly onAdd: (pod: Pod) => void;
  readonly onRemove: (uid: string) => void;
}

type Source = "file" | "http";

/**
 * The pods a node runs from manifests of its own, whether or not there is an API server. A manifest's content gives the
 * pod's uid, so a changed manifest is another pod in the place of the old one.
 *
 * Differs from upstream: files are looked at every other second instead of being watched.
 */
export class StaticPods {
  readonly #options: StaticPodsOptions;
  readonly #known: Record<Source, Map<string, Pod>> = { file: new Map(), http: new Map() };

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  /** The first look at the files, so that nothing that runs is taken for somebody else's. */
  async start(): Promise<void> {
    if (this.#options.path !== "") await this.#look("file", () => this.#files());
  }

  /** Keeps looking until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { path, url, pathPeriodMs, urlPeriodMs } = this.#options;
    await Promise.all([
      path === "" ? undefined : this.#repeat("file", pathPeriodMs, () => this.#files(), signal),
      url === "" ? undefined : this.#repeat("http", urlPeriodMs, () => this.#fetched(), signal),
    ]);
  }

  async #repeat(source: Source, periodMs: number, read: () => Promise<Pod[]>, signal: AbortSignal): Promise<void> {
    if (source === "http") await this.#look(source, read);
    while (!signal.aborted) {
      await sleep(this.#options.clock, periodMs, signal);
      await this.#look(source, read);
    }
  }

  /** A source that cannot be read at all says nothing: what it said before goes on. */
  async #look(source: Source, read: () => Promise<Pod[]>): Promise<void> {
    const { logger, onAdd, onRemove } = this.#options;
    let found: Pod[];
    try {
      found = await read();
    } catch (error) {
      logger.warn("Unable to read config", { source, error });
      return;
    }
    const known = this.#known[source];
    const now = new Map(found.map((pod) => [pod.metadata.uid, pod]));
    this.#known[source] = new Map([...now].map(([uid, pod]) => [uid, known.get(uid) ?? pod]));
    for (const uid of known.keys()) if (!now.has(uid)) onRemove(uid);
    for (const [uid, pod] of now) if (!known.has(uid)) onAdd(pod);
  }

  async #files(): Promise<Pod[]> {
    const { fileSystem, path, logger } = this.#options;
    const info = await fileSystem.stat(path);
    if (!info) return [];
    if (info.type !== "directory") return this.#parse(await fileSystem.readFile(path), "file", path);
    const out: Pod[] = [];
    for (const name of [...(await fileSystem.list(path))].sort()) {
      if (name.startsWith(".")) continue;
      const file = `${path}/${name}`;
      if ((await fileSystem.stat(file))?.type !== "file") continue;
      try {
        out.push(...this.#parse(await fileSystem.readFile(file), "file", file));
      } catch (error) {
        // One bad file does not take the others with it.
        logger.warn("Can't process manifest file", { path: file, error });
      }
    }
    return out;
  }

  async #fetched(): Promise<Pod[]> {
    const { fetchManifest, url } = this.#options;
    if (!fetchManifest) throw new Error("this node cannot fetch manifests");
    return this.#parse(await fetchManifest(url), "http", url);
  }

  #parse(data: Uint8Array, source: Source, origin: string): Pod[] {
    const { nodeName, clock } = this.#options;
    return parseStaticPods(data, { source, origin, nodeName, now: formatTime(clock.now()) });
  }
}

export interface StaticPodOrigin {
  readonly source: Source;
  /** The file or address. */
  readonly origin: string;
  readonly nodeName: string;
  readonly now: string;
}

/**
 * The pods of one manifest, as the API server would hand them out. Throws when there is something that no pod is.
 *
 * Differs from upstream: of the pod's validation only what decoding needs is done here; what else is wrong is seen when
 * the API server refuses the mirror pod.
 */
export function parseStaticPods(data: Uint8Array, from: StaticPodOrigin): Pod[] {
  const { value } = parseYaml(data);
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  const items =
    kind === "PodList" || kind === "List"
      ? typeof value === "object" && value !== null && "items" in value && Array.isArray(value.items)
        ? value.items
        : []
      : [value];
  return items.map((item) => staticPod(item, from));
}

function staticPod(manifest: unknown, { source, origin, nodeName, now }: StaticPodOrigin): Pod {
  const podKind = builtinScheme().kind("", "v1", "Pod");
  if (!podKind) throw new Error("the scheme has no Pod");
  const { object } = podKind.decode(manifest);
  podKind.applyDefaults(object);
  // The scheme's kind Pod decodes to a Pod.
  const pod = object as unknown as Mutable<Pod>;
  if (pod.kind !== "Pod") throw new Error(`invalid pod: kind is ${JSON.stringify(pod.kind)}`);
  if (!pod.metadata.name) throw new Error("invalid pod: name is needed for the pod");
  const reference = apiReferenceOf(pod);
  if (reference !== undefined) throw new Error(`static pods may not reference ${reference}`);
  const uid = pod.metadata.uid || hashOf(`${JSON.stringify(object)} ${source} ${origin} ${nodeName}`);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name: `${pod.metadata.name}-${nodeName.toLowerCase()}`,
      namespace: pod.metadata.namespace || "default",
      uid,
      resourceVersion: "0",
      creationTimestamp: now,
      annotations: {
        ...pod.metadata.annotations,
        [configHashAnnotation]: uid,
        [configSeenAnnotation]: now,
        [configSourceAnnotation]: source,
      },
    },
    spec: {
      ...pod.spec,
      nodeName,
      // Problems of the node are no reason to end what it runs on its own account.
      ...(source === "file"
        ? { tolerations: [...(pod.spec.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }] }
        : {}),
    },
    status: { phase: "Pending" },
  };
}

/** 32 hexadecimal digits that depend on the text only; no cryptography. */
function hashOf(text: string): string {
  return [0, 1, 2, 3].map((salt) => fnv1a32(`${salt} ${text}`).toString(16).padStart(8, "0")).join("");
}
