import type { KubeObject } from "../apimachinery/resource-type.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { createCluster as createWholeCluster, type Cluster } from "../cluster/create-cluster.ts";
import { defaultClusterConfig, type ClusterConfig } from "../cluster/config.ts";
import type { ComponentIdentity } from "../cluster/identities.ts";
import { forkSimulatedMachine, type SimulatedMachine } from "../cluster/simulated-nodes.ts";
import { AssertionError } from "../component-base/assert.ts";
import type { HttpHandler } from "../component-base/http.ts";
import { createLogger, type LogRecord } from "../component-base/logger.ts";
import { randomInt, SeededRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import type { MeteredPod, SimulatedUsage } from "../kubelet/testing/usage-meter.ts";
import { prefixRange } from "../mvcc/backend.ts";
import type { MemoryBackend } from "../mvcc/memory-backend.ts";
import { Activity } from "./activity.ts";
import { applyYaml } from "./apply.ts";
import { Faults } from "./faults.ts";

export interface TestClusterOptions {
  /** How many simulated nodes there are, called `node-1` and so on. One unless given. */
  readonly nodes?: number;
  /** The same seed gives the same names, jitter and faults. 1 unless given. */
  readonly seed?: number;
  readonly config?: ClusterConfig;
  /** How many controller managers and schedulers there are, of which the elected ones work. One unless given. */
  readonly controlReplicas?: number;
  /** What is cached is frozen, so that a writer to a shared object is found. True unless given; costs time. */
  readonly freeze?: boolean;
  /** Whether nodes and pods are metered and `metrics.k8s.io` is served. True unless given. */
  readonly metrics?: boolean;
  /** Told of every log line. */
  readonly onLog?: (record: LogRecord) => void;
}

/** One change of one object in the store. */
export interface StoreWrite {
  /** E.g. `/registry/pods/default/web`. */
  readonly key: string;
  readonly type: "put" | "delete";
  readonly revision: number;
}

export interface WaitOptions {
  /** Simulated time after which the wait fails. 10 minutes unless given. */
  readonly limitMs?: number;
}

// With more nodes than the default range has /24s, carrier-grade NAT's is used: room for 16,384.
const defaultNodesMax = 256;
const wideConfig: ClusterConfig = { ...defaultClusterConfig, podCidr: "100.64.0.0/10" };

const waitLimitMs = 600_000;
const quietMsDefault = 10_000;
// What a cluster at rest goes on writing: heartbeats, and events about what has happened.
const backgroundKeys = /^\/registry\/(leases|events|minions)\//;
const recentWritesMax = 20;

/**
 * A whole cluster in this process on a clock that only the test moves. Time passes in `step`, `until` and `untilSettled`,
 * never elsewhere: a request that has to wait for time, such as for a controller, is not awaited without one of them.
 */
export async function createCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const seed = options.seed ?? 1;
  return start(options, { clock: new SteppingClock(), random: new SeededRandom(seed) });
}

interface Origin {
  readonly clock: SteppingClock;
  readonly random: SeededRandom;
  readonly backend?: MemoryBackend;
  readonly signingKey?: Cluster["signingKey"];
  readonly machines?: readonly SimulatedMachine[];
}

async function start(options: TestClusterOptions, origin: Origin): Promise<TestCluster> {
  const { clock, random } = origin;
  const activity = new Activity();
  const bugs: unknown[] = [];
  const logger = createLogger((record) => {
    const { error } = record.fields;
    if (error instanceof TypeError || error instanceof AssertionError) bugs.push(error);
    options.onLog?.(record);
  }, "debug");
  const count = options.nodes ?? 1;
  // Faults are thrown with dice of their own: a run with none differs from one without this class in nothing.
  let crash: (component: string) => void = () => {};
  const faults = new Faults(new SeededRandom(randomInt(random, 2 ** 32)), (component) => crash(component));
  const cluster = await createWholeCluster({
    ...origin,
    logger,
    config: options.config ?? (count > defaultNodesMax ? wideConfig : defaultClusterConfig),
    nodes: Array.from({ length: count }, (_, i) => `node-${i + 1}`),
    ...(options.controlReplicas === undefined ? {} : { controlReplicas: options.controlReplicas }),
    freeze: options.freeze ?? true,
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    wrapTransport: (transport, component) => activity.observe(faults.disturb(transport, component)),
  });
  cluster.failed.catch((error: unknown) => bugs.push(error));
  const made = new TestCluster({ options, cluster, clock, random, faults, activity, bugs });
  crash = (component) => made.killAndRestart(component);
  return made;
}

interface Parts {
  readonly options: TestClusterOptions;
  readonly cluster: Cluster;
  readonly clock: SteppingClock;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly activity: Activity;
  readonly bugs: unknown[];
}

/** A cluster inside a test. Made by `createCluster`. */
export class TestCluster implements AsyncDisposable {
  /** As the administrator. */
  readonly client: ApiClient;
  readonly clock: SteppingClock;
  readonly random: SeededRandom;
  readonly faults: Faults;
  /** The API server. */
  readonly handler: HttpHandler;
  /** The nodes' machines: what a test may do to containers is done there. */
  readonly machines: readonly SimulatedMachine[];
  readonly #parts: Parts;
  readonly #crashes = new Set<Promise<void>>();
  readonly #listeners = new Set<(write: StoreWrite) => void>();
  #lastWriteAt: number;
  readonly #recent: string[] = [];

  constructor(parts: Parts) {
    const { cluster, clock } = parts;
    this.#parts = parts;
    this.client = cluster.client;
    this.clock = clock;
    this.random = parts.random;
    this.faults = parts.faults;
    this.handler = cluster.handler;
    this.machines = cluster.machines;
    this.#lastWriteAt = clock.monotonic();
    cluster.backend.watch(prefixRange("/registry/"), {
      onEvents: (events) => {
        parts.activity.note();
        for (const { type, current, previous } of events) {
          this.#onWrite({ key: current.key, type, revision: current.modRevision }, previous === undefined);
        }
      },
      onClose: () => {},
    });
  }

  /** As any component or person. */
  clientFor(identity: ComponentIdentity): ApiClient {
    return this.#parts.cluster.clientFor(identity);
  }

  /** The store's revision. */
  revision(): number {
    return this.#parts.cluster.backend.revision();
  }

  /** Tells `listener` of every change in the store from now on, until disposed. */
  onWrite(listener: (write: StoreWrite) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Does everything that needs no passing of time. */
  async drain(): Promise<void> {
    await this.#parts.activity.drained();
    const [bug] = this.#parts.bugs;
    if (bug !== undefined) throw new Error("a component has a bug", { cause: bug });
  }

  /** Lets time pass: each timer fires at its own time, and what it sets off is done before the next. */
  async step(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    await this.drain();
    while (await this.#stepToTimer(end));
  }

  /** Lets time pass until the condition holds. */
  async until(condition: () => boolean | Promise<boolean>, options: WaitOptions = {}): Promise<void> {
    const end = this.clock.monotonic() + (options.limitMs ?? waitLimitMs);
    await this.drain();
    while (!(await condition())) {
      if (!(await this.#stepToTimer(end))) throw this.#timedOut("the condition never came true");
    }
  }

  /**
   * Lets time pass until nothing but heartbeats and events has been written for `quietMs` of it (10 s unless given). Work that is
   * due later than that, such as the end of a long back-off, is still to come.
   */
  async untilSettled(options: WaitOptions & { readonly quietMs?: number } = {}): Promise<void> {
    const quietMs = options.quietMs ?? quietMsDefault;
    const limit = this.clock.monotonic() + (options.limitMs ?? waitLimitMs);
    this.#lastWriteAt = Math.max(this.#lastWriteAt, this.clock.monotonic());
    await this.drain();
    for (;;) {
      const end = this.#lastWriteAt + quietMs;
      if (this.clock.monotonic() >= end) return;
      if (this.clock.monotonic() >= limit) throw this.#timedOut("the cluster never settled");
      await this.#stepToTimer(Math.min(end, limit));
    }
  }

  /** Creates the objects of a YAML text, or merges it into those that exist. */
  apply(yaml: string): Promise<readonly KubeObject[]> {
    return applyYaml(this.client, yaml);
  }

  /**
   * An independent cluster that starts as this one is now: its store, its time, what runs on its nodes. Its components are
   * started anew over that, as after an upgrade of them all.
   */
  async fork(): Promise<TestCluster> {
    const { options, cluster, random } = this.#parts;
    await this.drain();
    const clock = this.clock.fork();
    return start(options, {
      clock,
      random: new SeededRandom(randomInt(random, 2 ** 32)),
      backend: cluster.backend.fork(clock),
      signingKey: cluster.signingKey,
      machines: cluster.machines.map((machine) => forkSimulatedMachine(machine, clock)),
    });
  }

  /**
   * What the containers of pods use from now on, as `metrics.k8s.io` will tell half a minute later. Pods of which `usageOf`
   * says nothing use what their annotations `simulation.k8ts.dev/cpu` and `simulation.k8ts.dev/memory` say, or next to nothing.
   */
  async simulateUsage(usageOf: (pod: MeteredPod) => SimulatedUsage | undefined): Promise<void> {
    for (const { meter } of this.machines) await meter.use(usageOf);
  }

  /** Names of the processes that can be killed. */
  get components(): readonly string[] {
    return [...this.#parts.cluster.components.keys()];
  }

  /** Kills a component, and resolves when nothing of it runs. It stays away until `restart`. */
  kill(component: string): Promise<void> {
    return this.#parts.activity.during(this.#process(component).kill());
  }

  /** Starts what was killed. */
  restart(component: string): void {
    this.#process(component).start();
  }

  /** Kills a component at once and starts it again over the same store as soon as it has ended. */
  killAndRestart(component: string): void {
    const done = this.kill(component).then(() => {
      this.#crashes.delete(done);
      if (!this.#isDisposed) this.restart(component);
    });
    this.#crashes.add(done);
  }

  #isDisposed = false;

  /** Ends everything. Throws when a component had a bug. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all(this.#crashes);
    await this.#parts.cluster[Symbol.asyncDispose]();
    this.#parts.activity[Symbol.dispose]();
    const [bug] = this.#parts.bugs;
    if (bug !== undefined) throw new Error("a component has a bug", { cause: bug });
  }

  /** Moves to the next timer and does what it sets off; false when the end was reached before. */
  async #stepToTimer(end: number): Promise<boolean> {
    const now = this.clock.monotonic();
    const next = this.clock.nextTimerIn();
    if (next === undefined || now + next > end) {
      if (end > now) this.clock.step(end - now);
      return false;
    }
    this.clock.step(next);
    await this.drain();
    return true;
  }

  #onWrite(write: StoreWrite, isNew: boolean): void {
    const isBackground = backgroundKeys.test(write.key) && !(write.key.startsWith("/registry/minions/") && isNew);
    if (!isBackground) {
      this.#lastWriteAt = this.clock.monotonic();
      this.#recent.push(`${this.clock.monotonic()} ms: ${write.type} ${write.key}`);
      if (this.#recent.length > recentWritesMax) this.#recent.shift();
    }
    for (const listener of this.#listeners) listener(write);
  }

  #timedOut(message: string): Error {
    return new Error(`${message}; the last writes were\n${this.#recent.join("\n")}`);
  }

  #process(component: string) {
    const found = this.#parts.cluster.components.get(component);
    if (!found) throw new RangeError(`no component ${component}; there are ${this.components.join(", ")}`);
    return found;
  }
}
