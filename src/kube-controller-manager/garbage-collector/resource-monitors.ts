import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import { discoverPreferredResources } from "../../client/discovery/discovery-client.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import type { OwnerGraph } from "./owner-graph.ts";

// Nothing owns events, nor do they own anything that lives longer, and there are many.
const ignored: ReadonlySet<string> = new Set(["/events", "events.k8s.io/events"]);

// Changes of these mean that other kinds are served now.
const definitions: ReadonlySet<string> = new Set([
  "apiextensions.k8s.io/customresourcedefinitions",
  "apiregistration.k8s.io/apiservices",
]);

// Definitions come in bunches, and a new kind is served a moment after its definition is there.
const settleMs = 1000;
const retryMs = 5000;

/** The kind of an owner reference is not served, or not yet known to be. */
export class UnknownKindError extends Error {
  override readonly name = "UnknownKindError";
}

/**
 * Feeds the graph from every type that can be listed, watched and deleted. Types are found by discovery, which is asked
 * again when a CustomResourceDefinition or an APIService changes.
 *
 * Differs from upstream, which asks discovery every 30 seconds.
 */
export class ResourceMonitors {
  /** Resolves when all types found at first have been seen completely. */
  readonly synced: Promise<void>;
  readonly #context: ControllerContext;
  readonly #graph: OwnerGraph;
  readonly #changed = new EventSignal();
  readonly #syncing: Promise<void>[] = [];
  readonly #monitored = new Set<string>();
  #markSynced: () => void = () => {};
  #types: ReadonlyMap<string, ResourceType<KubeObject>> = new Map();

  constructor(context: ControllerContext, graph: OwnerGraph) {
    this.#context = context;
    this.#graph = graph;
    this.synced = new Promise((resolve) => (this.#markSynced = resolve));
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#keepUp(signal);
    await Promise.all(this.#syncing);
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isComplete = await this.#refresh(signal);
      if (signal.aborted) return;
      if (isComplete) await this.#changed.wait(signal);
      await sleep(this.#context.clock, isComplete ? settleMs : retryMs, signal).catch(() => {
        // Aborted: the loop ends.
      });
    }
  }

  /** The type an owner reference means, whatever version it names. Asks discovery when the kind is not known. */
  async typeOf(apiVersion: string, kind: string, signal: AbortSignal): Promise<ResourceType<KubeObject>> {
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
    const known = this.#types.get(`${group}/${kind}`);
    if (known) return known;
    await this.#discover(signal);
    const found = this.#types.get(`${group}/${kind}`);
    if (!found) throw new UnknownKindError(`no resource is served for ${apiVersion} ${kind}`);
    return found;
  }

  /** False when discovery should be asked again. */
  async #refresh(signal: AbortSignal): Promise<boolean> {
    try {
      const isComplete = await this.#discover(signal);
      const { informers } = this.#context;
      const added = [...this.#types.values()].filter((type) => this.#monitor(type));
      informers.start();
      if (added.length === 0 && this.#syncing.length > 0) return isComplete;
      // Not awaited here: a type that never syncs, gone again already, must not keep others from being found.
      const syncs = added.map((type) => informers.for(type, { metadataOnly: true }).waitForSync(signal));
      this.#syncing.push(
        Promise.all(syncs).then(this.#markSynced, () => {
          // Aborted, the only way a wait ends otherwise.
        }),
      );
      return isComplete;
    } catch (error) {
      if (!signal.aborted) this.#context.logger.warn("discovery failed, will try again", { error });
      return false;
    }
  }

  /** False when a group could not be asked. */
  async #discover(signal: AbortSignal): Promise<boolean> {
    const { resources, failedGroupVersions } = await discoverPreferredResources(this.#context.client, { signal });
    const types = new Map(failedGroupVersions.length > 0 ? this.#types : []);
    for (const resource of resources) {
      const canMonitor = ["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb));
      if (canMonitor) types.set(`${resource.group}/${resource.kind}`, resource);
    }
    this.#types = types;
    return failedGroupVersions.length === 0;
  }

  /** False when the type is monitored already, or needs not be. */
  #monitor(type: ResourceType<KubeObject>): boolean {
    const name = `${type.group}/${type.resource}`;
    if (this.#monitored.has(name) || ignored.has(name)) return false;
    this.#monitored.add(name);
    const informer = this.#context.informers.for(type, { metadataOnly: true });
    informer.addEventHandler({
      onAdd: (object) => this.#graph.observe(type, object.metadata),
      onUpdate: (_, object) => this.#graph.observe(type, object.metadata),
      onDelete: (object) => this.#graph.remove(object.metadata.uid ?? ""),
    });
    if (definitions.has(name)) {
      const rediscover = (): void => this.#changed.set();
      informer.addEventHandler({ onAdd: rediscover, onUpdate: rediscover });
    }
    return true;
  }
}
