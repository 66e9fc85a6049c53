import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { TaskGroup } from "../../component-base/task-group.ts";
import { podKey } from "../api/pods.ts";
import type { PodWorkers } from "../pod-workers.ts";
import type { StatusManager } from "../status/status-manager.ts";
import type { MirrorPods } from "./mirror-pods.ts";

export interface StaticPodPlacesOptions {
  readonly logger: Logger;
  readonly tasks: TaskGroup;
  readonly mirrors: MirrorPods;
  readonly statuses: StatusManager;
  readonly workers: PodWorkers;
}

/** Of each name, the static pod that has it, and the one that waits for that to end; and the mirrors they go with. */
export class StaticPodPlaces {
  readonly #options: StaticPodPlacesOptions;
  readonly #byKey = new Map<string, { readonly pod: Pod; next: Pod | undefined }>();

  constructor(options: StaticPodPlacesOptions) {
    this.#options = options;
  }

  observeMirror(mirror: Pod): void {
    const { mirrors, statuses, workers } = this.#options;
    mirrors.observe(mirror);
    const found = this.#byKey.get(podKey(mirror));
    if (!found) this.#deleteMirror(mirror);
    else if (mirrors.of(found.pod)) statuses.observe(mirror, found.pod.metadata.uid);
    else workers.wake(found.pod.metadata.uid);
  }

  forgetMirror(mirror: Pod): void {
    const { mirrors, workers } = this.#options;
    mirrors.forget(mirror);
    const found = this.#byKey.get(podKey(mirror));
    if (found) workers.wake(found.pod.metadata.uid);
  }

  /** A pod in the place of another waits until nothing is left of that. */
  add(pod: Pod): void {
    const before = this.#byKey.get(podKey(pod));
    if (before) before.next = pod;
    else {
      this.#byKey.set(podKey(pod), { pod, next: undefined });
      this.#options.workers.update(pod);
    }
  }

  remove(uid: string): void {
    for (const entry of this.#byKey.values()) {
      if (entry.next?.metadata.uid === uid) entry.next = undefined;
      if (entry.pod.metadata.uid === uid) this.#options.workers.remove(uid);
    }
  }

  /** Nothing is left of the pod, if it was one of these: its place is the next one's. */
  forget(uid: string): void {
    for (const [key, { pod, next }] of this.#byKey) {
      if (pod.metadata.uid !== uid) continue;
      this.#byKey.delete(key);
      const mirror = this.#options.mirrors.of(pod);
      if (mirror) this.#deleteMirror(mirror);
      if (next) this.add(next);
    }
  }

  /** Of a pod that is no more. */
  #deleteMirror(mirror: Pod): void {
    const { logger, tasks, mirrors } = this.#options;
    tasks.spawn(async (signal) => {
      try {
        await mirrors.delete(mirror, signal);
      } catch (error) {
        if (!signal.aborted) logger.warn("Failed deleting a mirror pod", { pod: podKey(mirror), error });
      }
    });
  }
}
