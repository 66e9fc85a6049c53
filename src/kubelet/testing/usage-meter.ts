import { Quantity } from "../../apimachinery/quantity.ts";
import type { Clock } from "../../component-base/clock.ts";
import { podNameLabel, podNamespaceLabel } from "../../cri-api/runtime/v1/labels.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { PodCgroupStats } from "../ports.ts";

/** A pod whose containers use something. */
export interface MeteredPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What each container of a pod uses, as quantities: CPU in cores. */
export interface SimulatedUsage {
  readonly cpu: string;
  readonly memory: string;
}

/** Pod annotations that say what simulated containers use. */
export const cpuUsageAnnotation = "simulation.k8ts.dev/cpu";
export const memoryUsageAnnotation = "simulation.k8ts.dev/memory";

const idle: SimulatedUsage = { cpu: "1m", memory: "10Mi" };
const nanosPerMs = 1e6;

interface Meter {
  atMs: number;
  nanoSeconds: number;
}

/** The statistics of containers that do not exist: CPU time goes by as their pods are said to use it. */
export class UsageMeter {
  readonly #clock: Clock;
  readonly #runtime: RuntimeService;
  readonly #meters = new Map<string, Meter>();
  #usageOf: (pod: MeteredPod) => SimulatedUsage | undefined;

  constructor(clock: Clock, runtime: RuntimeService, usageOf: (pod: MeteredPod) => SimulatedUsage | undefined) {
    this.#clock = clock;
    this.#runtime = runtime;
    this.#usageOf = usageOf;
  }

  /** From now on, pods use what `usageOf` says; those of which it says nothing, what their annotations say. */
  async use(usageOf: (pod: MeteredPod) => SimulatedUsage | undefined): Promise<void> {
    for (const id of this.#meters.keys()) await this.read(id);
    this.#usageOf = usageOf;
  }

  /** The same usage on another machine, counted anew. */
  fork(clock: Clock, runtime: RuntimeService): UsageMeter {
    return new UsageMeter(clock, runtime, this.#usageOf);
  }

  /** Of one running container. */
  async read(containerId: string): Promise<PodCgroupStats | undefined> {
    const [container] = await this.#runtime.listContainers({ id: containerId });
    if (container?.state !== "running") {
      this.#meters.delete(containerId);
      return undefined;
    }
    const [sandbox] = await this.#runtime.listPodSandbox({ id: container.podSandboxId });
    const { labels = {}, annotations = {} } = sandbox ?? {};
    const name = labels[podNameLabel] ?? "";
    const namespace = labels[podNamespaceLabel] ?? "";
    const usage = this.#usageOf({ name, namespace, labels, annotations }) ?? annotated(annotations);
    const cores = Quantity.parse(usage.cpu).toMilliNumber() / 1000;
    const now = this.#clock.now();
    const meter = this.#meters.get(containerId) ?? { atMs: now, nanoSeconds: 0 };
    meter.nanoSeconds += (now - meter.atMs) * nanosPerMs * cores;
    meter.atMs = now;
    this.#meters.set(containerId, meter);
    const bytes = Quantity.parse(usage.memory).toNumber();
    return {
      cpu: {
        timestampMs: now,
        usageCoreNanoSeconds: Math.round(meter.nanoSeconds),
        usageNanoCores: Math.round(cores * 1e9),
      },
      memory: { timestampMs: now, usageBytes: bytes, workingSetBytes: bytes, rssBytes: bytes },
    };
  }
}

function annotated(annotations: Readonly<Record<string, string>>): SimulatedUsage {
  return {
    cpu: annotations[cpuUsageAnnotation] ?? idle.cpu,
    memory: annotations[memoryUsageAnnotation] ?? idle.memory,
  };
}
