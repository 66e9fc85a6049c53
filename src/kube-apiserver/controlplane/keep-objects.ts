import type { Clock } from "../../component-base/clock.ts";
import { sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";

// A deletion is seen a moment before what belonged to the object is free again, so that the first try usually fails.
const retryMs = 100;

interface Named {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

/** Calls `ensure` whenever somebody deletes or changes one of the objects of that name, until the signal aborts. */
export async function keepObjects(
  options: {
    readonly namespace: string;
    readonly name: string;
    readonly listers: readonly Pick<StorageLister<Named>, "onChange">[];
    readonly ensure: () => Promise<void>;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, listers, ensure, clock, logger } = options;
  const wake = new EventSignal();
  const unsubscribe = listers.map((lister) =>
    lister.onChange((_current, previous) => {
      if (previous?.metadata.namespace === namespace && previous.metadata.name === name) wake.set();
    }),
  );
  try {
    for (;;) {
      await wake.wait(signal);
      if (signal.aborted) return;
      try {
        await ensure();
      } catch (error) {
        logger.info("an object of the server's own could not be written, trying again", { namespace, name, error });
        await sleep(clock, retryMs, signal);
        wake.set();
      }
    }
  } finally {
    for (const stop of unsubscribe) stop();
  }
}
