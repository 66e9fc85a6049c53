import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { ParseArgsConfig } from "node:util";

import { parseDuration } from "../apimachinery/time.ts";
import type { LeaderElectionConfig } from "../client/leader-election/leader-elector.ts";
import { errorText } from "../component-base/logger.ts";
import { UsageError } from "./arguments.ts";

/**
 * The flags of upstream's components. Differs from upstream: an election is off unless asked for, because the supervisor
 * runs one control process, which then need not wait for a lease after a crash.
 */
export const leaderElectionOptions = {
  "leader-elect": { type: "boolean", default: false },
  "leader-elect-lease-duration": { type: "string", default: "15s" },
  "leader-elect-renew-deadline": { type: "string", default: "10s" },
  "leader-elect-retry-period": { type: "string", default: "2s" },
} as const satisfies NonNullable<ParseArgsConfig["options"]>;

type Values = { readonly "leader-elect"?: boolean } & {
  readonly [F in Exclude<keyof typeof leaderElectionOptions, "leader-elect">]?: string;
};

// Upstream's: pauses get longer by up to this factor, and one must still fit into the deadline.
const jitterFactor = 1.2;

/** What the flags say; undefined when there is no election. Throws UsageError for times that cannot work. */
export function leaderElectionOf(values: Values): LeaderElectionConfig | undefined {
  if (!values["leader-elect"]) return undefined;
  const leaseDurationMs = durationOf(values, "leader-elect-lease-duration");
  const renewDeadlineMs = durationOf(values, "leader-elect-renew-deadline");
  const retryPeriodMs = durationOf(values, "leader-elect-retry-period");
  if (leaseDurationMs <= renewDeadlineMs)
    throw new UsageError("--leader-elect-lease-duration must be greater than --leader-elect-renew-deadline");
  if (retryPeriodMs <= 0 || renewDeadlineMs <= jitterFactor * retryPeriodMs)
    throw new UsageError("--leader-elect-renew-deadline must be greater than 1.2 times --leader-elect-retry-period");
  return { identity: `${hostname()}_${randomUUID()}`, leaseDurationMs, renewDeadlineMs, retryPeriodMs };
}

function durationOf(values: Values, flag: Exclude<keyof Values, "leader-elect">): number {
  try {
    return parseDuration(values[flag] ?? leaderElectionOptions[flag].default);
  } catch (error) {
    throw new UsageError(`--${flag}: ${errorText(error)}`, { cause: error });
  }
}
