import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { deployments, replicaSets, replicationControllers, statefulSets } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { controllerOf } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";

/** Why the number of expected pods cannot be told. */
export class ExpectedScaleError extends Error {
  override readonly name = "ExpectedScaleError";
}

export interface ExpectedScale {
  readonly expected: number;
  /** Names of pods nobody controls: they are not expected by anybody. */
  readonly unmanaged: readonly string[];
}

interface Scaled {
  readonly metadata: { readonly uid: string; readonly ownerReferences?: readonly OwnerReference[] };
  readonly spec: { readonly replicas?: number };
}

/** Adds up what the controllers of pods are scaled to: by their own field, or by their scale subresource. */
export class ExpectedScales {
  readonly #client: ApiClient;
  readonly #informers: ReadonlyMap<string, SharedInformer<Scaled>>;

  /** Asks for informers: to be made in a descriptor's `create`. */
  constructor({ client, informers }: Pick<ControllerContext, "client" | "informers">) {
    this.#client = client;
    this.#informers = new Map<string, SharedInformer<Scaled>>([
      ["apps/Deployment", informers.for<Scaled>(deployments)],
      ["apps/ReplicaSet", informers.for<Scaled>(replicaSets)],
      ["apps/StatefulSet", informers.for<Scaled>(statefulSets)],
      ["/ReplicationController", informers.for<Scaled>(replicationControllers)],
    ]);
  }

  /** Throws ExpectedScaleError when the controller of a pod is unknown or has no scale. */
  async of(pods: readonly Pod[], signal: AbortSignal): Promise<ExpectedScale> {
    const scales = new Map<string, number>();
    const unmanaged: string[] = [];
    for (const pod of pods) {
      const { namespace, name } = pod.metadata;
      const ref = controllerOf(pod);
      if (!ref) {
        unmanaged.push(name);
        continue;
      }
      if (scales.has(ref.uid)) continue;
      const found = this.#cached(namespace, ref) ?? (await this.#byScale(namespace, ref, signal));
      if (!found) throw new ExpectedScaleError(`found no controllers for pod "${name}"`);
      scales.set(ref.uid, 0);
      scales.set(found.uid, found.replicas);
    }
    return { expected: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
  }

  /** A ReplicaSet of a Deployment stands for the Deployment, whose other ReplicaSets come and go with a rollout. */
  #cached(namespace: string, ref: OwnerReference): { readonly uid: string; readonly replicas: number } | undefined {
    const informer = this.#informers.get(`${groupOf(ref)}/${ref.kind}`);
    const owner = informer?.lister.get(namespace, ref.name);
    if (owner?.metadata.uid !== ref.uid) return undefined;
    const above = controllerOf(owner);
    const found = above?.kind === "Deployment" ? this.#cached(namespace, above) : undefined;
    return found ?? { uid: ref.uid, replicas: owner.spec.replicas ?? 1 };
  }

  async #byScale(
    namespace: string,
    ref: OwnerReference,
    signal: AbortSignal,
  ): Promise<{ readonly uid: string; readonly replicas: number } | undefined> {
    if (this.#informers.has(`${groupOf(ref)}/${ref.kind}`)) return undefined;
    const root = groupOf(ref) === "" ? "/api/v1" : `/apis/${ref.apiVersion}`;
    const { resources } = await this.#client
      .request<{
        readonly resources: readonly { readonly name: string; readonly kind: string }[];
      }>("GET", root, undefined, { signal })
      .catch((error: unknown) => {
        if (isNotFound(error)) return { resources: [] };
        throw error;
      });
    const plural = resources.find((r) => r.kind === ref.kind && !r.name.includes("/"))?.name;
    if (plural === undefined) return undefined;
    if (!resources.some((r) => r.name === `${plural}/scale`)) {
      const resource = groupOf(ref) === "" ? plural : `${plural}.${groupOf(ref)}`;
      throw new ExpectedScaleError(`${resource} does not implement the scale subresource`);
    }
    const path = `${root}/namespaces/${namespace}/${plural}/${ref.name}/scale`;
    const scale = await this.#client.request<Scaled>("GET", path, undefined, { signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    return scale?.metadata.uid === ref.uid ? { uid: ref.uid, replicas: scale.spec.replicas ?? 0 } : undefined;
  }
}

function groupOf({ apiVersion }: OwnerReference): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}
