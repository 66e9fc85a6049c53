import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { discoverPreferredResources } from "../../client/discovery/discovery-client.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";

/**
 * The objects quotas count. Kinds that only a `count/…` quota is about are watched, by their metadata, from when the first
 * such quota is seen.
 */
export class CountedKinds {
  readonly #context: ControllerContext;
  readonly #released: (namespace: string) => void;
  readonly #informers = new Map<string, SharedInformer<KubeObject>>();

  /** `released` is called with the namespace of every object of a kind found here that is deleted. */
  constructor(context: ControllerContext, released: (namespace: string) => void) {
    this.#context = context;
    this.#released = released;
  }

  /** Uses that informer for a kind whose objects are needed whole. */
  serve(group: string, resource: string, informer: SharedInformer<KubeObject>): void {
    this.#informers.set(`${group}/${resource}`, informer);
  }

  /** Nothing for a kind that is not served: its quota counts zero until it is looked at again. */
  async list(group: string, resource: string, namespace: string, signal: AbortSignal): Promise<readonly KubeObject[]> {
    const key = `${group}/${resource}`;
    const informer = this.#informers.get(key) ?? (await this.#find(group, resource, signal));
    if (!informer) return [];
    await informer.waitForSync(signal);
    return informer.lister.list(namespace);
  }

  async #find(group: string, resource: string, signal: AbortSignal): Promise<SharedInformer<KubeObject> | undefined> {
    const { client, informers } = this.#context;
    const { resources } = await discoverPreferredResources(client, { signal });
    const type = resources.find((each) => each.group === group && each.resource === resource);
    if (!type?.verbs.includes("watch")) return undefined;
    // Somebody else may have been faster while discovery answered.
    const present = this.#informers.get(`${group}/${resource}`);
    if (present) return present;
    const informer = informers.for(type, { metadataOnly: true });
    informer.addEventHandler({ onDelete: ({ metadata }) => this.#released(metadata.namespace ?? "") });
    this.#informers.set(`${group}/${resource}`, informer);
    informers.start();
    return informer;
  }
}
