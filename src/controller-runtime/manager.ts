import { isAborted } from "../component-base/clock.ts";
import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import { createEventRecorder } from "../client/record/event-writer.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { ControllerDescriptor } from "./controller.ts";

export interface ControllerManagerOptions {
  readonly controllers: readonly ControllerDescriptor[];
  /** The client a controller acts with, under its own service account where the platform has one. */
  readonly clientFor: (controller: ControllerDescriptor) => ApiClient;
  /** Shared by all controllers; started by the manager, disposed by its maker. */
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/**
 * Runs controllers until the signal aborts; resolves when nothing of them is left. Each starts as soon as the informers
 * it asked for have synced. One that ends by a bug is logged and counted, and the others go on. Of several replicas, only
 * one may run them: call it from `LeaderElector.runAsLeader`.
 */
export async function runControllers(options: ControllerManagerOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, metrics, informers } = options;
  const crashes = metrics.counter("controller_manager_controller_crashes_total", "Controllers ended by a bug", [
    "name",
  ]);
  await using stack = new AsyncDisposableStack();
  const starts = options.controllers.map((descriptor) => {
    const client = options.clientFor(descriptor);
    const own = logger.with({ controller: descriptor.name });
    const common = { client, clock, random, logger: own, metrics };
    const recorder = stack.use(createEventRecorder({ ...common, component: descriptor.name }));
    const { needed, factory } = recordInformers(informers);
    const controller = descriptor.create({ ...common, recorder, informers: factory });
    return { descriptor, controller, needed };
  });
  informers.start();
  const tasks = stack.use(new TaskGroup({ parent: signal }));
  for (const { descriptor, controller, needed } of starts) {
    tasks.spawn(async (running) => {
      try {
        for (const informer of needed) await informer.waitForSync(running);
        logger.info("controller started", { controller: descriptor.name });
        await controller.run(running);
      } catch (error) {
        if (running.aborted && (isAborted(error) || error === running.reason)) return;
        crashes.inc(descriptor.name);
        logger.error("controller ended by an error", { controller: descriptor.name, error });
      }
    });
  }
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The factory, and the informers that are asked for through it. */
function recordInformers(informers: InformerFactory): {
  readonly needed: Set<SharedInformer<never>>;
  readonly factory: InformerFactory;
} {
  const needed = new Set<SharedInformer<never>>();
  const factory: InformerFactory = {
    for: (type, options) => {
      const informer = informers.for(type, options);
      // Only waitForSync will be called, which does not depend on the type of the objects.
      needed.add(informer as unknown as SharedInformer<never>);
      return informer;
    },
    start: () => informers.start(),
    waitForSync: (signal) => informers.waitForSync(signal),
  };
  return { needed, factory };
}
