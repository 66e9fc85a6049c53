import { assert } from "../../component-base/assert.ts";
import type { ResourceType } from "../../apimachinery/resource-type.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import type { ApiClient } from "../rest/api-client.ts";
import { CachedInformer } from "./cached-informer.ts";
import { Reflector } from "./reflector.ts";
import type { InformerFactory, InformerOptions, SharedInformer } from "./shared-informer.ts";

export interface InformerFactoryOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** For tests: freezes cached objects. */
  readonly freeze?: boolean;
  /** Gets first states by watch (WatchList) instead of list. */
  readonly watchList?: boolean;
  /** Told when an informer stops because of a bug; the process should end. */
  readonly onFailure?: (error: unknown) => void;
}

interface Entry {
  readonly informer: CachedInformer<unknown>;
  readonly options: InformerOptions<unknown>;
  readonly run: (signal: AbortSignal) => Promise<void>;
  isStarted: boolean;
}

/** Makes informers that list and watch through one client. Dispose stops them all. */
export function createInformerFactory(options: InformerFactoryOptions): InformerFactory & AsyncDisposable {
  return new SharedInformerFactory(options);
}

class SharedInformerFactory implements InformerFactory, AsyncDisposable {
  readonly #options: InformerFactoryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #tasks: TaskGroup;

  constructor(options: InformerFactoryOptions) {
    this.#options = options;
    this.#tasks = new TaskGroup(options.onFailure ? { onFailure: options.onFailure } : {});
  }

  for<T>(type: ResourceType<T>, options: InformerOptions<T> = {}): SharedInformer<T> {
    const parts = [
      type.group,
      type.version,
      type.resource,
      options.namespace,
      options.labelSelector,
      options.fieldSelector,
    ];
    const key = parts.map((part) => part ?? "").join("|");
    const whole = this.#entries.get(key);
    if (whole && (options.metadataOnly || whole.options.transform === options.transform)) return shared<T>(whole);
    assert(!whole, `two users want different transforms of ${type.resource}`);
    if (!options.metadataOnly) return this.#add(key, type, options);
    const metadataKey = `${key}|metadata`;
    const metadata = this.#entries.get(metadataKey);
    return metadata ? shared<T>(metadata) : this.#add(metadataKey, type, options);
  }

  start(): void {
    for (const entry of this.#entries.values()) {
      if (entry.isStarted) continue;
      entry.isStarted = true;
      this.#tasks.spawn(entry.run);
    }
  }

  async waitForSync(signal?: AbortSignal): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.isStarted) await entry.informer.waitForSync(signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  #add<T>(key: string, type: ResourceType<T>, options: InformerOptions<T>): SharedInformer<T> {
    const { client, clock, random, logger, metrics, freeze, watchList } = this.#options;
    const transform = options.metadataOnly ? metadataAlone<T> : options.transform;
    const informer = new CachedInformer<T>({
      logger: logger.with({ resource: type.resource }),
      ...(transform ? { transform } : {}),
      ...(freeze ? { freeze } : {}),
    });
    const reflector = new Reflector<T>({
      client: client.resource(type, options.namespace),
      target: informer,
      clock,
      random,
      logger,
      name: type.resource,
      ...(metrics ? { metrics } : {}),
      ...(options.labelSelector ? { labelSelector: options.labelSelector } : {}),
      ...(options.fieldSelector ? { fieldSelector: options.fieldSelector } : {}),
      ...(options.metadataOnly ? { metadataOnly: true } : {}),
      ...(watchList ? { watchList } : {}),
    });
    this.#entries.set(key, {
      // The key holds the type, so that the same T comes out that went in.
      informer: informer as unknown as CachedInformer<unknown>,
      options: options as InformerOptions<unknown>,
      run: (signal) => reflector.run(signal),
      isStarted: false,
    });
    return informer;
  }
}

function shared<T>(entry: Entry): SharedInformer<T> {
  return entry.informer as unknown as SharedInformer<T>;
}

/** For servers that send whole objects though metadata was asked for. */
function metadataAlone<T>(object: T): T {
  const { apiVersion, kind, metadata } = object as { apiVersion?: string; kind?: string; metadata?: unknown };
  return { apiVersion, kind, metadata } as T;
}
