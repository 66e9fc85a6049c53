import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { type Clock, deadline } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { containerFieldPath, findContainer, isSidecar } from "../api/pods.ts";
import type { ContainerRecord, PodRecord } from "../container/pod-record.ts";
import type { HandlerRunner } from "../lifecycle/handler-runner.ts";

/** Even a pod in a hurry gets so long between SIGTERM and SIGKILL. */
const gracePeriodMinSeconds = 2;

export interface KillRequest {
  readonly pod: Pod;
  readonly container: Container | undefined;
  readonly record: ContainerRecord;
  /** Of the Killing event; `Stopping container x` unless given. */
  readonly message?: string;
  /** The probe whose own grace period counts, when that is why. */
  readonly reason?: "liveness" | "startup" | "changed" | "unknown" | "resize";
  /** Overrides every other grace period. */
  readonly gracePeriodSeconds?: number;
  readonly podIp: string;
  /** What is to end before this container hears SIGTERM, unless its grace period is over first. */
  readonly turn?: Promise<unknown>;
}

/** Ends containers with grace: preStop hook, then SIGTERM, then SIGKILL, all within one grace period. */
export class ContainerKiller {
  readonly #runtime: RuntimeService;
  readonly #hooks: HandlerRunner;
  readonly #recorder: EventRecorder;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: {
    readonly runtime: RuntimeService;
    readonly hooks: HandlerRunner;
    readonly recorder: EventRecorder;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#runtime = options.runtime;
    this.#hooks = options.hooks;
    this.#recorder = options.recorder;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Resolves when the container has ended. Aborting stops the waiting; asking again continues with the new grace. */
  async kill(request: KillRequest, signal: AbortSignal): Promise<void> {
    const { pod, container, record } = request;
    const grace = gracePeriodOf(request);
    const startedMs = this.#clock.monotonic();
    this.#recorder.event(
      pod,
      "Normal",
      "Killing",
      request.message ?? `Stopping container ${record.name}`,
      containerFieldPath(pod, record.name),
    );
    const preStop = container?.lifecycle?.preStop;
    // A state nobody can tell cannot run a hook; a forced end skips it.
    if (container && preStop && grace > 0 && record.state === "running") {
      const hook = { pod, container, containerId: record.id, handler: preStop, podIp: request.podIp };
      await this.#preStop(hook, grace, signal);
    }
    const leftSeconds = (): number => grace - (this.#clock.monotonic() - startedMs) / 1000;
    if (request.turn && leftSeconds() > 0) {
      using limit = deadline(this.#clock, leftSeconds() * 1000, signal);
      // Whatever ends the wait but an abort, it is this container's turn.
      await untilAborted(request.turn, limit.signal).catch(() => signal.throwIfAborted());
    }
    const left = Math.max(Math.round(leftSeconds()), gracePeriodMinSeconds);
    await this.#runtime.stopContainer(record.id, left, { signal });
  }

  /**
   * Ends every running container of the pod. All begin at once, with their hooks; sidecars hear SIGTERM after the containers,
   * in reverse order, within the one grace period of the pod.
   */
  async killAll(
    pod: Pod,
    record: PodRecord,
    options: { readonly gracePeriodSeconds?: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const running = record.containers.filter((c) => c.state === "running" || c.state === "unknown");
    const { gracePeriodSeconds, signal } = options;
    const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map((c) => c.name);
    const kill = (containerRecord: ContainerRecord, turn?: Promise<unknown>): Promise<void> => {
      const request = {
        pod,
        container: findContainer(pod, containerRecord.name),
        record: containerRecord,
        podIp: record.ips[0] ?? "",
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(turn ? { turn } : {}),
      };
      return this.kill(request, signal);
    };
    const waitedFor = new Set(pod.spec.containers.map((c) => c.name));
    const all: Promise<void>[] = [];
    // What the next sidecar waits for.
    const before: Promise<void>[] = [];
    for (const each of running.filter((c) => !sidecars.includes(c.name))) {
      const killing = kill(each);
      all.push(killing);
      if (waitedFor.has(each.name)) before.push(killing);
    }
    for (const name of sidecars.toReversed()) {
      for (const each of running.filter((c) => c.name === name)) {
        const killing = kill(each, Promise.allSettled(before));
        all.push(killing);
        before.push(killing);
      }
    }
    await Promise.all(all);
  }

  async #preStop(hook: Parameters<HandlerRunner["run"]>[0], graceSeconds: number, signal: AbortSignal): Promise<void> {
    using limit = deadline(this.#clock, graceSeconds * 1000, signal);
    try {
      await untilAborted(this.#hooks.run(hook, limit.signal), limit.signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#logger.warn("preStop hook failed", { pod: hook.pod.metadata.name, container: hook.container.name, error });
      if (limit.signal.aborted) return;
      const path = containerFieldPath(hook.pod, hook.container.name);
      this.#recorder.event(hook.pod, "Warning", "FailedPreStopHook", "PreStopHook failed", path);
    }
  }
}

/** Follows `work` until the signal aborts; a hook that ignores its signal does not hold up the end. */
function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(() => resolve(), reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function podGracePeriod(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? gracePeriodMinSeconds;
}

function gracePeriodOf({ pod, container, reason, gracePeriodSeconds }: KillRequest): number {
  if (gracePeriodSeconds !== undefined) return gracePeriodSeconds;
  if (pod.metadata.deletionGracePeriodSeconds !== undefined) return pod.metadata.deletionGracePeriodSeconds;
  const probe =
    reason === "liveness" ? container?.livenessProbe : reason === "startup" ? container?.startupProbe : undefined;
  return probe?.terminationGracePeriodSeconds ?? podGracePeriod(pod);
}
