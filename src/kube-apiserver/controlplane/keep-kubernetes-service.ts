import { endpoints, endpointSlices, services } from "../../api/resources.gen.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import { sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";

// A deletion is seen a moment before the address is free again, so that the first try usually fails.
const retryMs = 100;

/** Calls `ensure` whenever somebody deletes or changes the `kubernetes` Service or its endpoints, until the signal aborts. */
export async function keepKubernetesService(
  options: {
    readonly registry: RegistryAccess;
    readonly ensure: () => Promise<void>;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const { registry, ensure, clock, logger } = options;
  const wake = new EventSignal();
  const note = (
    object: { readonly metadata: { readonly namespace: string; readonly name: string } } | undefined,
  ): void => {
    if (object?.metadata.namespace === "default" && object.metadata.name === "kubernetes") wake.set();
  };
  const unsubscribe = [
    registry.lister(services).onChange((_current, previous) => note(previous)),
    registry.lister(endpoints).onChange((_current, previous) => note(previous)),
    registry.lister(endpointSlices).onChange((_current, previous) => note(previous)),
  ];
  try {
    for (;;) {
      await wake.wait(signal);
      if (signal.aborted) return;
      try {
        await ensure();
      } catch (error) {
        logger.info("the kubernetes Service could not be written, trying again", { error });
        await sleep(clock, retryMs, signal);
        wake.set();
      }
    }
  } finally {
    for (const stop of unsubscribe) stop();
  }
}
