import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret } from "../../api/core/v1/types.gen.ts";
import { configMaps, persistentVolumeClaims, persistentVolumes, secrets } from "../../api/resources.gen.ts";
import { isNotFound, StatusError } from "../../apimachinery/errors/status-error.ts";
import type { ResourceType } from "../../apimachinery/resource-type.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { type Clock, deadline } from "../../component-base/clock.ts";
import { Singleflight } from "../../component-base/singleflight.ts";

export interface BoundVolume {
  readonly volume: PersistentVolume;
  readonly claim: PersistentVolumeClaim;
}

interface Entry {
  readonly object: ConfigMap | Secret | undefined;
  readonly fetchedMs: number;
}

// Pods at rest are synced every 20 s, one after the other; what one of them fetched serves the others.
const freshMs = 15_000;
// What is known from before will do when the answer takes longer than this.
const patienceMs = 3_000;
const entriesMax = 10_000;

/**
 * The ConfigMaps and Secrets pods of this node refer to, fetched when needed and kept for some seconds; while the API server
 * is away, for as long as that lasts: containers must be restarted meanwhile.
 *
 * Differs from upstream: objects are read again at the pod's periodic sync instead of being watched one by one. An update
 * reaches a volume as soon (upstream writes it at the next periodic sync as well), and a node holds no watch per object.
 */
export class ObjectStore {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Singleflight<string, ConfigMap | Secret | undefined>();
  readonly #signal: AbortSignal;

  /** Nothing is asked for once the signal has aborted. */
  constructor(client: ApiClient, clock: Clock, signal: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Rejects with `configmap "x" not found`; resolves to undefined instead when `optional`. */
  configMap(namespace: string, name: string, optional = false): Promise<ConfigMap | undefined> {
    return this.#get("configmap", configMaps, namespace, name, optional);
  }

  secret(namespace: string, name: string, optional = false): Promise<Secret | undefined> {
    return this.#get("secret", secrets, namespace, name, optional);
  }

  /**
   * The volume a claim is bound to, as it is now: asked for once, when the volume is mounted. Rejects, in upstream's words,
   * while the claim is not bound to it or is not for this pod.
   */
  async boundVolume(namespace: string, claimName: string, ownerUid?: string): Promise<BoundVolume> {
    const signal = this.#signal;
    const claim = await this.#client.resource(persistentVolumeClaims, namespace).get(claimName, { signal });
    const which = `PVC ${namespace}/${claimName}`;
    const { volumeName = "" } = claim.spec;
    if (ownerUid !== undefined && !claim.metadata.ownerReferences?.some((owner) => owner.uid === ownerUid)) {
      throw new Error(`${which} was not created for the pod (pod is not owner)`);
    }
    if (claim.metadata.deletionTimestamp) throw new Error(`can't start pod because ${which} is being deleted`);
    if (claim.status.phase !== "Bound" || volumeName === "") {
      const phase = JSON.stringify(claim.status.phase ?? "");
      throw new Error(
        `${which} has non-bound phase (${phase}) or empty pvc.Spec.VolumeName (${JSON.stringify(volumeName)})`,
      );
    }
    const volume = await this.#client.resource(persistentVolumes).get(volumeName, { signal });
    if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
      throw new Error(`PersistentVolume ${volumeName} is not bound to ${which}`);
    }
    return { volume, claim };
  }

  /** Has what is known of a namespace asked for again, so that a new pod sees objects as they are now. */
  invalidate(namespace: string): void {
    for (const [key, { object }] of this.#entries) {
      if (key.split("/")[1] === namespace) this.#entries.set(key, { object, fetchedMs: Number.NEGATIVE_INFINITY });
    }
  }

  async #get<T extends ConfigMap | Secret>(
    singular: string,
    type: ResourceType<T>,
    namespace: string,
    name: string,
    optional: boolean,
  ): Promise<T | undefined> {
    const key = `${singular}/${namespace}/${name}`;
    const known = this.#entries.get(key);
    const isFresh = known?.object?.immutable === true || (known && this.#clock.monotonic() - known.fetchedMs < freshMs);
    // Entries are keyed by kind, so the object under this key is a T.
    const object = (
      isFresh ? known?.object : await this.#flights.run(key, () => this.#fetch(key, type, namespace, name, known))
    ) as T | undefined;
    if (object === undefined && !optional) throw new Error(`${singular} "${name}" not found`);
    return object;
  }

  async #fetch<T extends ConfigMap | Secret>(
    key: string,
    type: ResourceType<T>,
    namespace: string,
    name: string,
    known: Entry | undefined,
  ): Promise<ConfigMap | Secret | undefined> {
    let object: ConfigMap | Secret | undefined;
    using patience = known && deadline(this.#clock, patienceMs, this.#signal);
    try {
      object = await this.#client.resource(type, namespace).get(name, { signal: patience?.signal ?? this.#signal });
    } catch (error) {
      if (isNotFound(error)) {
        // Absence is not kept: whoever waits for the object sees it at once when it comes.
        this.#entries.delete(key);
        return undefined;
      }
      const isAway = !(error instanceof StatusError) || error.code >= 500 || error.code === 429;
      if (!known || !isAway || this.#signal.aborted) throw error;
      object = known.object;
    }
    if (this.#entries.size >= entriesMax) this.#entries.clear();
    this.#entries.set(key, { object, fetchedMs: this.#clock.monotonic() });
    return object;
  }
}
