import type { ConfigMap, Container, Node, Pod, PodSpec, Secret } from "../../api/core/v1/types.gen.ts";
import { configMaps, nodes, pods, secrets } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { createInformerFactory } from "../../client/cache/informer-factory.ts";
import type { EventRecorder, EventTarget } from "../../client/record/event-recorder.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { createApiClient } from "../../client/rest/rest-client.ts";
import { settle } from "../../client/testing/drain.ts";
import { FakeApiServer } from "../../client/testing/fake-api-server.ts";
import { assert } from "../../component-base/assert.ts";
import type { HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { type Logger, silentLogger } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { FakeRuntime, type FakeRuntimeOptions } from "../../cri-api/testing/fake-runtime.ts";
import type { KubeletConfig } from "../config.ts";
import { createKubelet, type Kubelet } from "../kubelet.ts";
import { FakePorts } from "./fake-ports.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

export interface RecordedEvent {
  readonly object: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly fieldPath: string | undefined;
}

class RecordingRecorder implements EventRecorder {
  readonly events: RecordedEvent[] = [];

  event(target: EventTarget, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void {
    this.events.push({ object: target.metadata.name ?? "", type, reason, message, fieldPath });
  }
}

export interface HarnessOptions {
  readonly runtime?: Omit<FakeRuntimeOptions, "clock" | "fileSystem">;
  readonly config?: KubeletConfig;
  readonly logger?: Logger;
}

const nodeName = "node-1";

/** A whole kubelet over a fake runtime, fake ports and a fake API server, on a clock that is stepped. */
export class KubeletHarness implements AsyncDisposable {
  readonly clock = new SteppingClock();
  readonly random = new SeededRandom(1);
  readonly api = new FakeApiServer(this.clock, this.random);
  readonly client: ApiClient = createApiClient({
    transport: this.api,
    clock: this.clock,
    random: this.random,
    userAgent: "kubelet",
  });
  readonly fileSystem = new MemoryFileSystem();
  readonly ports = new FakePorts({ nodeName, clock: this.clock, fileSystem: this.fileSystem });
  readonly runtime: FakeRuntime;
  readonly recorder = new RecordingRecorder();
  readonly #options: HarnessOptions;
  #running: { readonly kubelet: Kubelet; readonly stop: () => Promise<void> } | undefined;

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.runtime = new FakeRuntime({ ...options.runtime, clock: this.clock, fileSystem: this.fileSystem });
  }

  /** A harness whose kubelet runs and whose node is ready. */
  static async start(options: HarnessOptions = {}): Promise<KubeletHarness> {
    const harness = new KubeletHarness(options);
    await harness.startKubelet();
    await harness.until(
      async () => (await harness.node())?.status.conditions?.find((c) => c.type === "Ready")?.status === "True",
    );
    return harness;
  }

  async startKubelet(): Promise<void> {
    const { clock, random, client } = this;
    const logger = this.#options.logger ?? silentLogger;
    const informers = createInformerFactory({ client, clock, random, logger, freeze: true });
    const kubelet = createKubelet({
      nodeName,
      client,
      informers,
      runtime: this.runtime,
      images: this.runtime.images,
      runtimeEvents: this.runtime,
      ports: this.ports,
      clock,
      random,
      logger,
      recorder: this.recorder,
      metrics: new MetricRegistry(),
      config: { clusterDns: ["10.96.0.10"], ...this.#options.config },
    });
    const controller = new AbortController();
    const done = kubelet.run(controller.signal);
    const stop = async (): Promise<void> => {
      controller.abort();
      await done;
      await informers[Symbol.asyncDispose]();
    };
    this.#running = { kubelet, stop };
    await settle();
  }

  /** Stops the kubelet, leaving the runtime as it is. */
  async stopKubelet(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopKubelet();
  }

  /** Creates a pod already bound to the node. */
  async createPod(
    name: string,
    spec: Partial<Input<PodSpec>> & { readonly containers: readonly Input<Container>[] },
  ): Promise<Pod> {
    const input: Input<Pod> = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default" },
      spec: { restartPolicy: "Always", terminationGracePeriodSeconds: 30, ...spec, nodeName },
      status: { phase: "Pending" },
    };
    return this.client.resource(pods, "default").create(input);
  }

  async createConfigMap(name: string, data: Readonly<Record<string, string>>): Promise<ConfigMap> {
    const object: Input<ConfigMap> = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "default" },
      data,
    };
    return this.client.resource(configMaps, "default").create(object);
  }

  async createSecret(name: string, data: Readonly<Record<string, string>>): Promise<Secret> {
    const object: Input<Secret> = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, data };
    return this.client.resource(secrets, "default").create(object);
  }

  /** Undefined when it is gone. */
  async pod(name: string): Promise<Pod | undefined> {
    return orUndefined(this.client.resource(pods, "default").get(name));
  }

  async node(): Promise<Node | undefined> {
    return orUndefined(this.client.resource(nodes).get(nodeName));
  }

  async deletePod(name: string): Promise<void> {
    await this.client.resource(pods, "default").delete(name);
  }

  /** Events about one object, as `Reason message`. */
  events(object: string): string[] {
    return this.recorder.events.filter((e) => e.object === object).map((e) => `${e.reason} ${e.message}`);
  }

  /** Lets `ms` pass, timer by timer, with everything that follows from each. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    await settle();
    for (;;) {
      const next = this.clock.nextTimerIn();
      if (next === undefined || this.clock.monotonic() + next > end) break;
      this.clock.step(next);
      await settle();
    }
    this.clock.step(end - this.clock.monotonic());
    await settle();
  }

  /** Lets time pass until the condition holds; fails after ten minutes of it. */
  async until(condition: () => Promise<boolean>, limitMs = 600_000): Promise<void> {
    const end = this.clock.monotonic() + limitMs;
    await settle();
    while (!(await condition())) {
      const next = this.clock.nextTimerIn();
      assert(next !== undefined && this.clock.monotonic() + next <= end, "the condition never came true");
      this.clock.step(next);
      await settle();
    }
  }

  async untilPhase(name: string, phase: string): Promise<Pod> {
    await this.until(async () => (await this.pod(name))?.status.phase === phase);
    const pod = await this.pod(name);
    assert(pod !== undefined, `pod ${name} is gone`);
    return pod;
  }

  /** A request to the kubelet's own API. */
  async request(path: string): Promise<HttpResponse> {
    const url = new URL(path, "http://kubelet");
    const request: HttpRequest = {
      method: "GET",
      path: url.pathname,
      query: url.searchParams,
      headers: {},
      body: (async function* () {})(),
      peer: { address: "127.0.0.1" },
      signal: new AbortController().signal,
      upgrade: false,
    };
    assert(this.#running !== undefined, "the kubelet is not running");
    return this.#running.kubelet.server(request);
  }
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
