import type { Pod, PodCondition, PodStatus } from "../../api/core/v1/types.gen.ts";
import { pods } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Counter } from "../../component-base/metrics.ts";
import type { TaskGroup } from "../../component-base/task-group.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { isStaticPod, isTerminalPhase } from "../api/pods.ts";
import { equal, statusPatch } from "./status-patch.ts";

interface Entry {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** The newest the server is known to have. */
  base: Pod;
  status: PodStatus;
  /** Everything of the pod is gone from the node: the object may go, once its status is written. */
  isFinished: boolean;
  isWriting: boolean;
  isDirty: boolean;
}

const retry = { initialMs: 500, maxMs: 10_000 };

export interface StatusManagerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: TaskGroup;
  /** Counts containers that ended, by upstream's labels: their kind, exit code and reason. */
  readonly terminations: Counter;
  /** The API's image of a static pod, if it is known. */
  readonly mirrorOf?: (pod: Pod) => Pod | undefined;
}

/** What metrics call the containers of each list. */
const containerKinds = [
  ["init_container", "initContainerStatuses"],
  ["container", "containerStatuses"],
  ["ephemeral_container", "ephemeralContainerStatuses"],
] as const;

/**
 * Keeps the status of each pod and writes it to the API server: the newest only, one write at a time per pod, again until
 * it is through, and nothing when nothing changed. A pod that is finished and marked for deletion is deleted for good.
 */
export class StatusManager {
  readonly #options: StatusManagerOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatusManagerOptions) {
    this.#options = options;
  }

  /** The status last set, which the server may not have yet. */
  get(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.status;
  }

  /** Takes over times of transitions from what was known, and schedules a write if something differs. */
  set(pod: Pod, status: PodStatus): void {
    const entry = this.#entry(pod);
    const known = this.#entries.get(pod.metadata.uid)?.status ?? pod.status;
    const now = formatTime(this.#options.clock.now());
    const merged: PodStatus = {
      ...status,
      startTime: known.startTime ?? now,
      conditions: (status.conditions ?? []).map((c) => withTransition(c, known.conditions, now)),
    };
    if (isTerminalPhase(known.phase) && merged.phase !== known.phase) return;
    if (
      equal(entry.status, merged) &&
      !entry.isDirty &&
      statusPatch(entry.uid, entry.base.status, merged) === undefined
    )
      return;
    this.#countTerminations(known, merged);
    entry.status = merged;
    this.#schedule(entry);
  }

  #countTerminations(known: PodStatus, next: PodStatus): void {
    for (const [kind, field] of containerKinds) {
      for (const { name, state } of next[field] ?? []) {
        const { terminated } = state;
        const before = known[field]?.find((c) => c.name === name)?.state.terminated;
        if (!terminated || before) continue;
        this.#options.terminations.inc(kind, String(terminated.exitCode), terminated.reason ?? "");
      }
    }
  }

  /** Nothing of the pod is left on the node. */
  finish(pod: Pod): void {
    const entry = this.#entry(pod);
    entry.isFinished = true;
    this.#schedule(entry);
  }

  /**
   * The informer has seen the pod; what others overwrote is written again. `uid` is that of the static pod whose mirror it
   * is: a mirror takes the static pod's status.
   */
  observe(pod: Pod, uid = pod.metadata.uid): void {
    const entry = this.#entries.get(uid);
    if (!entry || Number(pod.metadata.resourceVersion) <= Number(entry.base.metadata.resourceVersion)) return;
    entry.base = pod;
    this.#schedule(entry);
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  #entry(pod: Pod): Entry {
    const { uid, name, namespace } = pod.metadata;
    const known = this.#entries.get(uid);
    if (known) return known;
    const entry: Entry = {
      uid,
      name,
      namespace,
      base: (isStaticPod(pod) ? this.#options.mirrorOf?.(pod) : undefined) ?? pod,
      status: pod.status,
      isFinished: false,
      isWriting: false,
      isDirty: false,
    };
    this.#entries.set(uid, entry);
    return entry;
  }

  #schedule(entry: Entry): void {
    entry.isDirty = true;
    if (entry.isWriting) return;
    entry.isWriting = true;
    this.#options.tasks.spawn((signal) => this.#writeUntilClean(entry, signal));
  }

  async #writeUntilClean(entry: Entry, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    try {
      while (entry.isDirty && this.#entries.get(entry.uid) === entry) {
        entry.isDirty = false;
        try {
          await this.#write(entry, signal);
          failures = 0;
        } catch (error) {
          signal.throwIfAborted();
          // The object is gone: the informer will say so. A conflict may mean that, too, or a race with another writer: the entry
          // goes when the informer says so, and until then the write is owed.
          if (isNotFound(error)) return;
          entry.isDirty = true;
          failures++;
          logger.warn("Failed to update status for pod", { pod: `${entry.namespace}/${entry.name}`, error });
          await sleep(clock, backoffDelay(retry, failures), signal);
        }
      }
    } finally {
      // In the same turn as the last look at isDirty: what is scheduled after it starts a writer of its own.
      entry.isWriting = false;
    }
  }

  async #write(entry: Entry, signal: AbortSignal): Promise<void> {
    // The API has nothing of a static pod until its mirror is there.
    if (isStaticPod(entry.base)) return;
    const resource = this.#options.client.resource(pods, entry.namespace);
    const { uid } = entry.base.metadata;
    const patch = statusPatch(uid, entry.base.status, entry.status);
    if (patch !== undefined) {
      const written = await resource.patch(entry.name, "strategic", patch, { subresource: "status", signal });
      if (Number(written.metadata.resourceVersion) > Number(entry.base.metadata.resourceVersion)) entry.base = written;
    }
    if (!entry.isFinished || entry.isDirty || entry.base.metadata.deletionTimestamp === undefined) return;
    await resource.delete(entry.name, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
  }
}

function withTransition(
  condition: PodCondition,
  known: readonly PodCondition[] | undefined,
  now: string,
): PodCondition {
  const before = known?.find((c) => c.type === condition.type);
  const isSame = before?.status === condition.status;
  return { ...condition, lastTransitionTime: (isSame ? before?.lastTransitionTime : undefined) ?? now };
}
