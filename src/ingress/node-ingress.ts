import type { Ingress, IngressClass } from "../api/networking/v1/types.gen.ts";
import type { Node } from "../api/core/v1/types.gen.ts";
import { ingressClasses, ingresses, nodes } from "../api/resources.gen.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { isAborted, sleep, type Clock } from "../component-base/clock.ts";
import { EventSignal } from "../component-base/event-signal.ts";
import { errorText, type Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { Backends } from "./backends.ts";
import { Certificates } from "./certificates.ts";
import { Gateway } from "./gateway.ts";
import { isOurs } from "./ingress-class.ts";
import type { IngressHandler, IngressListener, ListenForIngress, TlsPair } from "./ports.ts";
import { createRoutingTable, firstComesFirst } from "./routing-table.ts";

// Changes arriving together become one table.
const coalesceMs = 20;
// Ports that are busy are tried again after so long.
const listenRetryMs = 10_000;

/** On a Node that cannot open its ports for Ingresses: why. */
export const ingressProblemAnnotation = "k8ts.dev/ingress-problem";

export interface NodeIngressOptions {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  /** The node's own: reads the Secrets that Ingresses name, and says on its Node when it cannot serve. */
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
  readonly listen: ListenForIngress;
  readonly problemOf: (pair: TlsPair) => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/**
 * Serves the Ingresses of our classes on one node. The ports are open while there is one, so that a cluster that does not use
 * Ingress leaves them to others.
 */
export class NodeIngress {
  readonly #options: NodeIngressOptions;
  readonly #ingresses: SharedInformer<Ingress>;
  readonly #classes: SharedInformer<IngressClass>;
  readonly #backends: Backends;
  readonly #gateway: Gateway;
  readonly #changed = new EventSignal();
  readonly #nodes: SharedInformer<Node>;
  #listener: IngressListener | undefined;
  /** Why the ports are not open though they should be. */
  #problem: string | undefined;
  /** Nothing is tried before. */
  #listenAfterMs = 0;

  constructor(options: NodeIngressOptions) {
    this.#options = options;
    this.#ingresses = options.informers.for(ingresses);
    this.#classes = options.informers.for(ingressClasses);
    this.#backends = new Backends({ ...options, onGone: (endpoint) => this.#listener?.forget(endpoint) });
    this.#gateway = new Gateway({ ...options, backends: this.#backends });
    const changed = (): void => this.#changed.set();
    this.#nodes = options.informers.for(nodes, { fieldSelector: `metadata.name=${options.nodeName}` });
    this.#nodes.addEventHandler({
      onAdd: changed,
      onUpdate: (before, after) => {
        if (problemIn(before) !== problemIn(after)) changed();
      },
    });
    for (const informer of [this.#ingresses, this.#classes] as const) {
      informer.addEventHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    }
  }

  /** Serves until the signal aborts; then the ports close, and requests under way have some seconds to end. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, informers, client } = this.#options;
    await informers.waitForSync(signal);
    await using certificates = new Certificates({ ...this.#options, client });
    const handler: IngressHandler = {
      handle: (request) => this.#gateway.handle(request),
      certificateFor: (serverName) => certificates.for(serverName),
    };
    this.#changed.set();
    try {
      while (!signal.aborted) {
        await this.#changed.wait(signal);
        if (signal.aborted) break;
        const ours = this.#ingresses.lister
          .list()
          .filter((ingress) => isOurs(ingress, this.#classes.lister))
          .sort(firstComesFirst);
        this.#gateway.routes = createRoutingTable(ours);
        certificates.follow(ours);
        await this.#listenFor(ours, handler, signal);
        await this.#tellProblem(signal);
        await sleep(clock, coalesceMs, signal);
      }
    } catch (error) {
      if (!(signal.aborted && isAborted(error))) throw error;
    } finally {
      await this.#close();
    }
  }

  async #listenFor([first]: readonly Ingress[], handler: IngressHandler, signal: AbortSignal): Promise<void> {
    const { clock, logger, listen, recorder, nodeName } = this.#options;
    if (!first) {
      this.#problem = undefined;
      return this.#close();
    }
    if (this.#listener || clock.monotonic() < this.#listenAfterMs) return;
    try {
      this.#listener = await listen(handler);
      this.#problem = undefined;
      logger.info("serving Ingresses");
    } catch (error) {
      this.#problem = errorText(error);
      const message = `node ${nodeName} does not serve Ingresses: ${this.#problem}`;
      logger.error(message, { retryAfterMs: listenRetryMs });
      recorder.event(first, "Warning", "ListenFailed", message);
      this.#listenAfterMs = clock.monotonic() + listenRetryMs;
      this.#wakeAfter(clock, listenRetryMs, signal);
    }
  }

  /** Keeps the Node saying it, for the controller that tells clients where Ingresses are served. */
  async #tellProblem(signal: AbortSignal): Promise<void> {
    const { client, clock, logger, nodeName } = this.#options;
    const node = this.#nodes.lister.get(undefined, nodeName);
    if (!node || problemIn(node) === this.#problem) return;
    const annotations = { [ingressProblemAnnotation]: this.#problem ?? null };
    try {
      await client.resource(nodes).patch(nodeName, "merge", { metadata: { annotations } }, { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn("cannot say on the Node whether it serves Ingresses", { error });
      this.#wakeAfter(clock, listenRetryMs, signal);
    }
  }

  #wakeAfter(clock: Clock, delayMs: number, signal: AbortSignal): void {
    void sleep(clock, delayMs, signal).then(
      () => this.#changed.set(),
      // Ended meanwhile.
      () => {},
    );
  }

  async #close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.[Symbol.asyncDispose]();
  }
}

function problemIn({ metadata }: Node): string | undefined {
  return metadata.annotations?.[ingressProblemAnnotation];
}
