import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { pods } from "../../api/resources.gen.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Logger } from "../../component-base/logger.ts";
import { configHashAnnotation, configMirrorAnnotation, podKey } from "../api/pods.ts";

export interface MirrorPodsOptions {
  readonly client: ApiClient;
  readonly logger: Logger;
  /** The node as last seen; undefined before registration. */
  readonly node: () => Node | undefined;
}

/**
 * The API's images of static pods: made so that others see them, deleted and made anew when somebody deletes or changes
 * them. What is done to a mirror never touches the pod.
 */
export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  /** By `namespace/name`. */
  readonly #mirrors = new Map<string, Pod>();

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
  }

  observe(mirror: Pod): void {
    this.#mirrors.set(podKey(mirror), mirror);
  }

  forget(mirror: Pod): void {
    if (this.#mirrors.get(podKey(mirror))?.metadata.uid === mirror.metadata.uid) this.#mirrors.delete(podKey(mirror));
  }

  /** The mirror of the pod, if it is this very pod's and is to stay. */
  of(pod: Pod): Pod | undefined {
    const mirror = this.#mirrors.get(podKey(pod));
    return mirror && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  /** Makes the mirror what it should be. Never rejects: a static pod runs without an API server. */
  async sync(pod: Pod, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    try {
      const known = this.#mirrors.get(podKey(pod));
      if (known && this.of(pod)) return;
      if (known) await this.delete(known, signal);
      await this.#create(pod, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn("Failed creating a mirror pod", { pod: podKey(pod), error });
    }
  }

  async delete(mirror: Pod, signal?: AbortSignal): Promise<void> {
    const { namespace, name, uid } = mirror.metadata;
    try {
      const options = { gracePeriodSeconds: 0, preconditions: { uid }, ...(signal ? { signal } : {}) };
      await this.#options.client.resource(pods, namespace).delete(name, options);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.forget(mirror);
  }

  async #create(pod: Pod, signal: AbortSignal): Promise<void> {
    const node = this.#options.node();
    // Before the node is there its mirrors would be nobody's; the next sync makes them.
    if (!node) return;
    const { name, namespace, labels, annotations = {} } = pod.metadata;
    const mirror = {
      apiVersion: "v1" as const,
      kind: "Pod" as const,
      metadata: {
        name,
        namespace,
        ...(labels ? { labels } : {}),
        annotations: { ...annotations, [configMirrorAnnotation]: annotations[configHashAnnotation] ?? "" },
        ownerReferences: [
          { apiVersion: "v1", kind: "Node", name: node.metadata.name, uid: node.metadata.uid, controller: true },
        ],
      },
      spec: pod.spec,
      status: { phase: "Pending" as const },
    };
    try {
      this.observe(await this.#options.client.resource(pods, namespace).create(mirror, { signal }));
    } catch (error) {
      // The informer has not told yet.
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

function isMirrorOf({ metadata: { annotations = {}, deletionTimestamp } }: Pod, pod: Pod): boolean {
  const hash = pod.metadata.annotations?.[configHashAnnotation];
  return deletionTimestamp === undefined && annotations[configMirrorAnnotation] === hash;
}
