import type { Pod, Service } from "../api/core/v1/types.gen.ts";
import { podCondition } from "../component-helpers/pod.ts";
import { formatTime, parseTime } from "../component-helpers/time.ts";

export const triggerTimeAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";

/** Tells when the change that endpoints follow happened, so that the delay of programming the network can be measured. */
export class TriggerTimeTracker {
  readonly #seen = new Map<string, { service: number; pods: Map<string, number> }>();

  /** The earliest change of the Service or its pods since the last call; undefined when none is newer. */
  changedAt(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const now = { service: parseTime(service.metadata.creationTimestamp), pods: new Map<string, number>() };
    const changes: number[] = [];
    if (now.service > (before?.service ?? 0)) changes.push(now.service);
    for (const pod of pods) {
      const at = parseTime(podCondition(pod, "Ready")?.lastTransitionTime);
      now.pods.set(pod.metadata.name, at);
      if (at > (before?.pods.get(pod.metadata.name) ?? 0)) changes.push(at);
    }
    this.#seen.set(key, now);
    return changes.length > 0 ? formatTime(Math.min(...changes)) : undefined;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
