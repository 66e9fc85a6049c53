import type { Clock, Timer } from "../../component-base/clock.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { RuntimeEvent, RuntimeEvents } from "../../cri-api/runtime/v1/services.ts";
import { GrpcPackage, type GrpcClient, type GrpcMessage } from "../grpc-client.ts";
import { containerdEventsProto } from "../proto/containerd.ts";

const namespace = "k8s.io";
const filter = `namespace==${namespace},topic~="^/(tasks|containers)/"`;
const reconnect = { initialMs: 50, maxMs: 5_000, jitter: 0.2 };
// CRI shows a container as exited some time after its process ended (37 ms were measured); the event is told once more
// then, so that a reader who looked too early looks again.
const echoDelayMs = 150;

interface Subscriber {
  readonly onEvent: (event: RuntimeEvent) => void;
  readonly onGap: () => void;
}

/**
 * Wake-ups from containerd's own event stream. CRI has GetContainerEvents, but containerd 1.6 does not implement it.
 * One stream serves all subscribers; it is open while there is one, and re-made when it breaks.
 */
export class ContainerdEvents implements RuntimeEvents, AsyncDisposable {
  readonly #package = new GrpcPackage(containerdEventsProto);
  readonly #client: GrpcClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #subscribers = new Set<Subscriber>();
  readonly #echoes = new Set<Timer>();
  #stream: ReturnType<GrpcClient["serverStream"]> | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #isHealthy = false;

  constructor(options: { readonly socketPath: string; readonly clock: Clock; readonly logger: Logger }) {
    this.#client = this.#package.client("Events", `unix://${options.socketPath}`);
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  subscribe(onEvent: (event: RuntimeEvent) => void, onGap: () => void): () => void {
    const subscriber: Subscriber = { onEvent, onGap };
    this.#subscribers.add(subscriber);
    if (this.#subscribers.size === 1) this.#connect();
    return () => {
      if (this.#subscribers.delete(subscriber) && this.#subscribers.size === 0) this.#disconnect();
    };
  }

  isHealthy(): boolean {
    return this.#isHealthy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscribers.clear();
    this.#disconnect();
    this.#client.close();
    await Promise.resolve();
  }

  #connect(): void {
    const stream = this.#client.serverStream("Subscribe", { filters: [filter] });
    this.#stream = stream;
    // The runtime's answer headers say that the subscription is in place: what happened before may have been missed.
    stream.on("metadata", () => {
      if (stream !== this.#stream) return;
      this.#isHealthy = true;
      this.#failures = 0;
      for (const subscriber of this.#subscribers) subscriber.onGap();
    });
    stream.on("data", (envelope: GrpcMessage) => {
      if (stream !== this.#stream) return;
      this.#isHealthy = true;
      this.#failures = 0;
      this.#onEnvelope(envelope);
    });
    stream.on("error", (error: Error) => this.#onLost(stream, error));
    stream.on("end", () => this.#onLost(stream, undefined));
  }

  #disconnect(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#isHealthy = false;
    stream?.cancel();
    this.#retry?.cancel();
    for (const echo of this.#echoes) echo.cancel();
    this.#echoes.clear();
  }

  #onLost(stream: unknown, error: Error | undefined): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    if (this.#isHealthy) this.#logger.warn("Lost the runtime's event stream", { error });
    this.#isHealthy = false;
    this.#failures++;
    this.#retry = this.#clock.setTimer(backoffDelay(reconnect, this.#failures), () => {
      if (this.#subscribers.size > 0) this.#connect();
    });
  }

  #onEnvelope(envelope: GrpcMessage): void {
    const { topic, event } = envelope as { topic: string; event: { value: Uint8Array } | null };
    const runtimeEvent = this.#toRuntimeEvent(topic, event?.value ?? new Uint8Array());
    if (!runtimeEvent) return;
    this.#tell(runtimeEvent);
    if (runtimeEvent.type !== "stopped") return;
    const echo = this.#clock.setTimer(echoDelayMs, () => {
      this.#echoes.delete(echo);
      this.#tell(runtimeEvent);
    });
    this.#echoes.add(echo);
  }

  #tell(event: RuntimeEvent): void {
    for (const subscriber of this.#subscribers) subscriber.onEvent(event);
  }

  /** Undefined for events about processes beside the container's own, and for topics nobody acts on. */
  #toRuntimeEvent(topic: string, value: Uint8Array): RuntimeEvent | undefined {
    const type = eventTypes[topic];
    if (type === undefined) return undefined;
    const message = this.#package.decode(messageTypes[topic] ?? "ContainerEvent", value);
    const containerId = String(message["containerId"]);
    const processId = message["id"];
    if (typeof processId === "string" && processId !== "" && processId !== containerId) return undefined;
    return { type, containerId };
  }
}

const eventTypes: Readonly<Record<string, RuntimeEvent["type"]>> = {
  "/containers/create": "created",
  "/tasks/start": "started",
  "/tasks/oom": "oom",
  "/tasks/exit": "stopped",
  "/tasks/delete": "stopped",
  "/containers/delete": "deleted",
};

const messageTypes: Readonly<Record<string, string>> = { "/tasks/exit": "TaskExit", "/tasks/delete": "TaskDelete" };
