import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import type { TransportFor } from "./identities.ts";

/** The ports every component of a cluster is handed. */
export interface ComponentEnvironment {
  readonly transportFor: TransportFor;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** For tests: informers freeze what they cache. */
  readonly freeze?: boolean;
}
